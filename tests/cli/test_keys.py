"""`guichet rotate-keys`."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert, select

from gateway.keys import Keys
from gateway.settings_source import load_settings
from gateway.store.engine import Database
from gateway.store.schema import oauth_token
from tests.cli.conftest import Guichet


def test_rotation_encrypts_stored_secrets_anew(guichet: Guichet, installation: Path) -> None:
    """A new key stands first, tokens are encrypted with it, one of a lost key is left and told, and what was signed before still verifies."""
    settings = load_settings(None, None)
    before = Keys.load(settings.key_file)
    foreign = Keys((b"x" * 32,)).encrypt("lost")
    database = Database(settings.database_url)
    with database.durable() as connection:
        connection.execute(insert(oauth_token), [
            {"name": "support", "access_token": before.encrypt("access"), "refresh_token": before.encrypt("refresh")},
            {"name": "claims", "access_token": "", "refresh_token": foreign},
        ])  # fmt: skip
    said = guichet("rotate-keys")
    assert (said.code, "2 stored secret(s)" in said.out, "1 stored secret(s) were made with a key" in said.out) == (0, True, True)
    after = Keys.load(settings.key_file)
    newest = Keys((after_first(settings.key_file),))
    with database.read() as connection:
        rows = {row.name: row for row in connection.execute(select(oauth_token))}
    database.dispose()
    assert [newest.decrypt(rows["support"].access_token), newest.decrypt(rows["support"].refresh_token)] == ["access", "refresh"]
    assert rows["claims"].refresh_token == foreign
    assert after.verified_message_id(before.message_id("id1", "x.org")) == "id1"


def after_first(path: Path) -> bytes:
    import base64

    return base64.b64decode(path.read_text().split()[0])
