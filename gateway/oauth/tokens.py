"""Access tokens for connectors: kept encrypted, renewed early and by one process at a time; the question to the provider is `asking.py`.

Nothing goes over the network inside a transaction: who renews has the lease `oauth:<row>`, everybody else waits and reads again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from core.delivery import Meaning
from core.setup import Connector
from gateway.clock import Clock
from gateway.keys import Keys, KeyTrouble
from gateway.oauth.application import APP_ONLY, Application, application_of
from gateway.oauth.asking import CONSENT_ERRORS, PASSING_ERRORS, Answered, Asking, ProviderRefused
from gateway.oauth.trouble import TokenTrouble, consent_needed
from gateway.store import due, oauth_tokens
from gateway.store.engine import Database
from gateway.store.oauth_tokens import NEEDS_CONSENT, TokenRow

if TYPE_CHECKING:
    import httpx2
    from sqlalchemy import Connection

EARLY = timedelta(minutes=5)
LEASE = timedelta(minutes=2)
WAIT_SECONDS = 60.0
PAUSE_SECONDS = 0.1
LEASE_NAME = 120

log = logging.getLogger("guichet.oauth")


class Tokens:
    """The tokens of one installation, for every thread. `environ` holds the secrets of applications, `holder` names this process in leases."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        clock: Clock,
        environ: Mapping[str, str],
        holder: str,
        *,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._environ = environ
        self._holder = holder
        self._transport = transport
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._unsaved: dict[str, TokenRow] = {}

    def token(self, connector: Connector, way: str = "incoming") -> str:
        """An access token that lives for some minutes more. Raises ConsentNeeded or TokenTrouble."""
        application = application_of(connector, way)
        with self._database.read() as connection:
            row = oauth_tokens.find(connection, application.row)
        return self._usable(application, row) or self._renewed(application)

    def rejected(self, connector: Connector, token: str, way: str = "incoming") -> None:
        """The mailbox refused this token although it looked fresh: the next one asked for is a new one."""
        application = application_of(connector, way)
        with self._database.durable() as connection:
            row = oauth_tokens.find(connection, application.row)
            if row.access_token and self._opened(row.access_token, application.access_identity) == token:
                oauth_tokens.save(connection, replace(row, access_token="", expires_at=None, changed_at=self._clock.now()))

    def consented(self, connector: Connector, refresh_token: str, way: str = "incoming") -> None:
        """A person has logged in: keep what came of it. Raises ConsentNeeded or TokenTrouble if the provider takes it not."""
        application = application_of(connector, way)
        now = self._clock.now()
        row = TokenRow(application.row, refresh_token=self._sealed(refresh_token, application.identity), changed_at=now)
        with self._locks[application.row]:
            self._unsaved.pop(application.row, None)
            with self._database.durable() as connection:
                oauth_tokens.save(connection, row)
        self.token(connector, way)

    def asking(self, application: Application) -> Asking:
        """Questions to the provider in the name of an application. Raises TokenTrouble if its secret is not in the environment."""
        secret = self._environ.get(application.secret_variable, "") if application.secret_variable else ""
        if application.secret_variable and not secret:
            raise TokenTrouble(
                Meaning.TROUBLE, f"Connector {application.connector}: the environment variable {application.secret_variable} (client_secret_env) is not set."
            )
        return Asking(application, secret, self._transport)

    # ---- what is there

    def _usable(self, application: Application, row: TokenRow) -> str:
        """The stored access token, '' if there is none that lives long enough. Raises ConsentNeeded while a person is awaited."""
        if row.state == NEEDS_CONSENT and application.grant != APP_ONLY and self._refresh_token(application, row):
            raise consent_needed(application.connector, row.last_error)
        if not row.access_token or row.expires_at is None or not _is_fresh(row, self._clock.now()):
            return ""
        return self._opened(row.access_token, application.access_identity)

    def _refresh_token(self, application: Application, row: TokenRow) -> str:
        return self._opened(row.refresh_token, application.identity) if row.refresh_token else ""

    def _sealed(self, token: str, identity: str) -> str:
        return self._keys.encrypt(f"{identity}\n{token}") if token else ""

    def _opened(self, sealed: str, identity: str) -> str:
        """The token, '' if it was had for another application or sealed with a key that is gone."""
        try:
            whose, _, token = self._keys.decrypt(sealed).partition("\n")
        except KeyTrouble:
            return ""
        return token if whose == identity else ""

    # ---- getting a new one

    def _renewed(self, application: Application) -> str:
        """One thread of one process asks; the others find what it got."""
        lease, until = _lease_name(application.row), time.monotonic() + WAIT_SECONDS
        with self._locks[application.row]:
            while True:
                with self._database.durable() as connection:  # before the provider is asked: what cannot be stored must not be had
                    ours = due.take_lead(connection, lease, self._holder, self._clock.now(), LEASE)
                    row = self._with_unsaved(connection, oauth_tokens.find(connection, application.row))
                self._unsaved.pop(application.row, None)
                try:
                    found = self._usable(application, row)
                    if found or ours:
                        return found or self._asked(application, row)
                finally:
                    if ours:
                        with self._database.lazy() as connection:
                            due.give_up_lead(connection, lease, self._holder)
                if time.monotonic() > until:
                    raise TokenTrouble(Meaning.PASSING, f"Another process has been renewing the access token of {application.connector} for a minute.")
                time.sleep(PAUSE_SECONDS)

    def _with_unsaved(self, connection: Connection, row: TokenRow) -> TokenRow:
        """The row, after what a fault of our database kept from being stored: a refresh token may be good only once."""
        left = self._unsaved.get(row.name)
        if left is None or (row.changed_at is not None and left.changed_at is not None and row.changed_at >= left.changed_at):
            return row
        oauth_tokens.save(connection, left)
        return left

    def _asked(self, application: Application, row: TokenRow) -> str:
        refresh_token = "" if application.grant == APP_ONLY else self._refresh_token(application, row)
        if application.grant != APP_ONLY and not refresh_token:
            raise consent_needed(application.connector, "nobody has yet" if not row.refresh_token else "the application, the user or our key has changed")
        asking = self.asking(application)
        try:
            answered = asking.by_refresh(refresh_token) if refresh_token else asking.by_application()
        except ProviderRefused as refused:
            raise self._refused(application, row, refused) from None
        return self._kept(application, row, answered)

    def _kept(self, application: Application, row: TokenRow, answered: Answered) -> str:
        """Stored before it is used (a rotated refresh token is good only once)."""
        now = self._clock.now()
        fresh = replace(
            row,
            access_token=self._sealed(answered.access_token, application.access_identity),
            refresh_token=self._sealed(answered.refresh_token, application.identity) if answered.refresh_token else row.refresh_token,
            expires_at=now + timedelta(seconds=answered.seconds),
            state="",
            last_error="",
            changed_at=now,
        )
        self._unsaved[row.name] = fresh
        with self._database.durable() as connection:
            oauth_tokens.save(connection, fresh)
        self._unsaved.pop(row.name, None)
        log.info("oauth_renewed", extra={"connector": application.connector, "seconds": answered.seconds})
        return answered.access_token

    def _refused(self, application: Application, row: TokenRow, refused: ProviderRefused) -> TokenTrouble:
        if refused.code in PASSING_ERRORS:
            return TokenTrouble(Meaning.PASSING, f"The token server has trouble for connector {application.connector}: {refused}")
        if refused.code in CONSENT_ERRORS and application.grant != APP_ONLY:
            with self._database.durable() as connection:
                oauth_tokens.save(
                    connection, replace(row, access_token="", expires_at=None, state=NEEDS_CONSENT, last_error=str(refused), changed_at=self._clock.now())
                )
            log.error("oauth_needs_consent", extra={"connector": application.connector, "fault": str(refused)})
            return consent_needed(application.connector, str(refused))
        log.error("oauth_refused", extra={"connector": application.connector, "fault": str(refused)})
        return TokenTrouble(
            Meaning.LOGIN_REFUSED,
            f"The provider gives the application of connector {application.connector} no token: {refused}. Look at client_id, its secret, tenant and scope.",
        )


def _is_fresh(row: TokenRow, now: datetime) -> bool:
    """Five minutes are left, or half its life where that is shorter."""
    assert row.expires_at is not None
    life = row.expires_at - (row.changed_at or now)
    return now + min(EARLY, life / 2) < row.expires_at


def _lease_name(row: str) -> str:
    name = f"oauth:{row}"
    return name if len(name) <= LEASE_NAME else f"oauth:{sha256(row.encode()).hexdigest()}"
