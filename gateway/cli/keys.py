"""`guichet rotate-keys`: a new secret key before the older ones; what keys are for is `gateway/keys.py`."""

from __future__ import annotations

import click

from gateway.cli.house import opened
from gateway.cli.shown import say


@click.command()
@click.pass_context
def command(ctx: click.Context) -> None:
    """Add a new secret key, and encrypt the stored secrets with it.

    Signed addresses and mails that are out in the world go on working: older keys stay in the file and still verify. Running processes read
    the file again when they meet something made with the new key; restart them to let them sign with it too.

    \b
    guichet rotate-keys
    """
    from gateway.keys import Keys, KeyTrouble
    from gateway.store import secrets_at_rest

    with opened(ctx) as house:
        path = house.settings.key_file
        keys = Keys.rotate(path)

        def renewed(sealed: str) -> str | None:
            try:
                return keys.renewed(sealed)
            except KeyTrouble:
                return None

        with house.database.durable() as connection:
            done, left = secrets_at_rest.renew(connection, renewed)
    say(f"{path} has a new key. The older ones stay in it and still verify and decrypt.")
    say(f"{done} stored secret(s) are encrypted with the new key.")
    if left:
        say(f"{left} stored secret(s) were made with a key that is not in the file, and were left as they are: give consent again (guichet connector consent).")
    say("Put the file into your backup. Running processes know the new key when they meet it; restart them to sign with it.")
