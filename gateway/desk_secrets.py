"""What administrators do with the secret store: enter, list, remove; a value goes in and is never shown. How it is kept is `secrets.py`."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from core.refusal import NotFound, Refused
from core.setup import Setup
from gateway.desk_base import require_administrator
from gateway.secrets import Secrets, SecretTrouble
from gateway.store import secrets as rows
from gateway.store.engine import Database
from gateway.store.secrets import Kept
from gateway.store.setups import Setups

log = logging.getLogger("guichet.desk")


class SecretsDesk:
    """The deeds, each for an administrator named by e-mail; everybody else is refused."""

    def __init__(self, database: Database, setups: Setups, secrets: Secrets) -> None:
        self._database = database
        self._setups = setups
        self._secrets = secrets

    def set(self, name: str, value: str, by: str) -> None:
        """Keep a secret, in the place of an older one of the name. Raises Refused."""
        try:
            with self._database.durable() as connection:
                person = require_administrator(self._setups.current(connection), by)
                self._secrets.put(connection, name, value, person)
        except SecretTrouble as trouble:
            raise Refused(str(trouble)) from None
        log.info("secret_set", extra={"secret": name, "by": person})

    def list(self, by: str) -> tuple[Kept, ...]:
        """Names, kinds, when and by whom; no values. Raises Refused."""
        with self._database.read() as connection:
            require_administrator(self._setups.current(connection), by)
            return rows.rows(connection)

    def remove(self, name: str, by: str, *, anyway: bool = False) -> None:
        """Forget a secret for good. Raises NotFound, and Refused while something names it unless `anyway`."""
        with self._database.durable() as connection:
            setup = self._setups.current(connection)
            person = require_administrator(setup, by)
            users = ", ".join(users_of(setup, name))
            if users and not anyway:
                raise Refused(f"The secret “{name}” is used by {users}. Take it out there first, or remove it with --force; nothing was changed.")
            if not rows.remove(connection, name):
                raise NotFound(f"There is no secret “{name[:120]}”; guichet secret list shows them.")
        log.info("secret_removed", extra={"secret": name, "by": person})


def users_of(setup: Setup, name: str) -> Iterator[str]:
    """What names a secret: ways of connectors, DKIM keys."""
    for connector in setup.connectors:
        for way in ("incoming", "outgoing"):
            if getattr(connector, way).get("password_secret") == name:
                yield f"connector {connector.name} ({way})"
    yield from (f"the DKIM key {key.selector} of {key.domain}" for key in setup.dkim_keys if key.secret == name)
