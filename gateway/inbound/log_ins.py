"""Log-ins at the submission door: a name and a password, or an app password, proved once and asked for again with every mail; the dialogue is `submission.py`.

Whoever tries is held to so many failures a minute, by client and by name; a client that has logged in under a name is not kept out
by others who try that name.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from core.mail import address_key
from gateway.clock import Clock
from gateway.inbound.limits import MAX_TRACKED, Allowance, peer_key
from gateway.store import app_passwords
from gateway.store.engine import Database, is_passing_fault
from gateway.store.passwords import LONGEST, check_password, standing

log = logging.getLogger("guichet.submission")

LONGEST_NAME = 320


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who it is, and by what: the id of an app password, or how the person's own password stood then."""

    user_key: str
    app_password: str = ""
    stood: str = ""


class Tries:
    """Failed log-ins, counted in the event loop of a door. Times are monotonic, in seconds."""

    def __init__(self, per_minute: int) -> None:
        self._by_peer = Allowance(per_minute, 60)
        self._by_name = Allowance(per_minute, 60)
        self._welcome: set[tuple[str, str]] = set()

    def begin(self, peer: str, name: str, now: float) -> bool:
        """A log-in is tried; it counts as failed until `succeeded` says otherwise. False where too many failed of late."""
        client, who = peer_key(peer), _name_key(name)
        if not self._by_peer.take(client, now):
            return False
        if (client, who) in self._welcome or self._by_name.take(who, now):
            return True
        self._by_peer.give_back(client)
        return False

    def not_decided(self, peer: str, name: str) -> None:
        """The one that was begun did not fail."""
        client, who = peer_key(peer), _name_key(name)
        self._by_peer.give_back(client)
        if (client, who) not in self._welcome:
            self._by_name.give_back(who)

    def succeeded(self, peer: str, name: str) -> None:
        """Nor did this one; from here on nobody else's failures keep this client out."""
        client, who = peer_key(peer), _name_key(name)
        self.not_decided(peer, name)
        if len(self._welcome) >= MAX_TRACKED:
            self._welcome.clear()
        self._welcome.add((client, who))


class LogIns:
    """Checks what is typed against the database. Blocks: an unknown name and a wrong password take the same 160 ms; call it in a thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def check(self, name: str, password: str) -> LoggedIn | None:
        """Who it is; None where name or password is wrong, or the user has left. Raises what the database raises."""
        if not name or len(name) > LONGEST_NAME or not 0 < len(password) <= LONGEST or "\x00" in name + password:
            return None
        now = self._clock.now()
        with self._database.read() as connection:
            used = app_passwords.found(connection, name, password)
            noted = bool(used) and app_passwords.is_used_lately(connection, used, now)
            stood = standing(connection, name)
            if not used and not check_password(connection, name, password):
                return None
        if used and not noted:
            self._note(used)
        return LoggedIn(address_key(name), used, "" if used else stood)

    def stands(self, logged_in: LoggedIn) -> bool:
        """Whether the log-in would succeed still: the user is active, the app password not revoked, the password not another one. Raises likewise."""
        with self._database.read() as connection:
            if logged_in.app_password:
                return app_passwords.stands(connection, logged_in.user_key, logged_in.app_password)
            return bool(logged_in.stood) and standing(connection, logged_in.user_key) == logged_in.stood

    def _note(self, used: str) -> None:
        """When it was used last is for people to look at: nobody is kept out because it cannot be written."""
        try:
            with self._database.lazy() as connection:
                app_passwords.note_use(connection, used, self._clock.now())
        except Exception as fault:  # a full disk lets nobody in less
            if not is_passing_fault(fault):
                raise
            log.warning("use_not_noted", extra={"app_password": used, "fault": type(fault).__name__})


def _name_key(name: str) -> str:
    return address_key(name[:LONGEST_NAME])
