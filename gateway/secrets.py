"""The secret store: passwords and private keys that administrators entered, opened for the parts that need them; who may enter them is `desk_secrets.py`."""

from __future__ import annotations

import re

from sqlalchemy import Connection

from gateway.clock import Clock
from gateway.keys import Keys, KeyTrouble
from gateway.store import secrets as rows
from gateway.store.engine import Database
from gateway.store.secrets import DKIM, PASSWORD, Kept

LONGEST_NAME = 120
LONGEST_VALUE = 16_384
"""Characters; a private key of 4096 bits needs 3,300."""
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{LONGEST_NAME - 1}}}", re.ASCII)


class SecretTrouble(Exception):
    """A secret cannot be had or kept; `str()` is the sentence for the operator, and never holds a value."""


def no_secrets(name: str) -> str:
    """For parts that are used without an installation around them. Raises SecretTrouble."""
    raise SecretTrouble(f"There is no secret store here that could hold “{name[:LONGEST_NAME]}”.")


class Secrets:
    """The secrets of one installation, for every thread. A value is asked for when it is needed and is not kept in memory here."""

    def __init__(self, database: Database, keys: Keys, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    def __call__(self, name: str) -> str:
        """The same as `get`: what a way in or out is given."""
        return self.get(name)

    def get(self, name: str) -> str:
        """The value. Raises SecretTrouble if there is none, or if it was encrypted with a key that is gone."""
        with self._database.read() as connection:
            sealed = rows.sealed(connection, name)
        if not sealed:
            raise SecretTrouble(f"There is no secret “{name[:LONGEST_NAME]}” in the secret store. Enter it: guichet secret set {name[:LONGEST_NAME]}")
        try:
            return self._keys.decrypt(sealed)
        except KeyTrouble:
            raise SecretTrouble(
                f"The secret “{name}” was encrypted with a key that is not in the key file. Bring that key back, or enter the secret again: guichet secret set {name}"
            ) from None

    def set(self, name: str, value: str, by: str) -> None:
        """Keep a value under a name, in the place of an older one. Raises SecretTrouble for a name or a value that cannot be."""
        with self._database.durable() as connection:
            self.put(connection, name, value, by)

    def put(self, connection: Connection, name: str, value: str, by: str) -> None:
        """The same inside a transaction of the caller."""
        require_name(name)
        require_value(value)
        kind = DKIM if "PRIVATE KEY-----" in value else PASSWORD
        rows.save(connection, Kept(name, kind, self._clock.now(), by), self._keys.encrypt(value))


def is_name(name: str) -> bool:
    """Whether a secret may be called so: letters, digits and . _ @ - only, so that it can stand in a command and in a desk file."""
    return _NAME.fullmatch(name) is not None


def require_name(name: str) -> None:
    """Raises SecretTrouble for what cannot be a name."""
    if not is_name(name):
        raise SecretTrouble(f"A name of 1 to {LONGEST_NAME} letters, digits and . _ @ - is expected, beginning with a letter or digit.")


def require_value(value: str) -> None:
    """Raises SecretTrouble for what cannot be kept; the sentence does not repeat it."""
    if not value:
        raise SecretTrouble("The secret is empty; nothing was changed.")
    if len(value) > LONGEST_VALUE or "\0" in value:
        raise SecretTrouble(f"A secret is text of at most {LONGEST_VALUE} characters without NUL; nothing was changed.")
