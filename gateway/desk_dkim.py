"""What administrators do with DKIM keys: make, show, switch on and off, remove; signing is `outbound/dkim.py`, what the DNS says is `checkup_dns.py`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from core.mail import domain_key
from core.refusal import NotFound, Refused
from core.setup import DkimKey, Setup
from gateway.checkup_dns import Looked, Record, look, record_name
from gateway.clock import Clock
from gateway.desk_base import Json, require_administrator
from gateway.desk_secrets import users_of
from gateway.deskfile import sending_checks
from gateway.inbound.mailauth.dns import DnsTrouble, Lookups
from gateway.outbound.dkim_key import ED25519, RSA, DkimTrouble, PrivateKey, new_key, pieces, zone_line
from gateway.secrets import LONGEST_NAME, Secrets, SecretTrouble
from gateway.store import secrets as rows
from gateway.store.engine import Database
from gateway.store.setups import Setups

log = logging.getLogger("guichet.desk")


class DkimDesk:
    """The deeds, each for an administrator named by e-mail. `lookups` gives questions to the DNS; it is asked outside any transaction."""

    def __init__(self, database: Database, setups: Setups, secrets: Secrets, clock: Clock, lookups: Callable[[], Lookups]) -> None:
        self._database = database
        self._setups = setups
        self._secrets = secrets
        self._clock = clock
        self._lookups = lookups

    def new(self, domain: str, by: str, *, selector: str = "", kind: str = RSA) -> Json:
        """A new key, kept in the secret store and added to the desk switched off. Returns it as `show` does. Raises Refused."""
        pem = new_key(kind)
        with self._database.durable() as connection:
            setup = self._setups.locked(connection)
            person = require_administrator(setup, by)
            now = self._clock.now()
            chosen = selector or _free_selector(setup, domain, kind, now)
            key = DkimKey(domain_key(domain), chosen, secret_name(domain, chosen), enabled=False)
            changed = replace(setup, dkim_keys=(*setup.dkim_keys, key))
            place = f"dkim_keys[{len(changed.dkim_keys)}]."
            for path, said in sending_checks.dkim_keys(changed):
                if path.startswith(place):
                    raise Refused(f"{path.removeprefix(place)}: {said}. Nothing was changed.")
            if rows.sealed(connection, key.secret):
                raise Refused(f"There is a secret “{key.secret}” already. Choose another selector, or remove it: guichet secret remove {key.secret}")
            self._secrets.put(connection, key.secret, pem, person)
            self._setups.save(connection, changed, person, now)
        log.info("dkim_key_made", extra={"domain": key.domain, "selector": key.selector, "by": person})
        return self._shown(key)

    def show(self, by: str, domain: str = "") -> list[Json]:
        """Every key, or those of a domain: `domain selector kind enabled secret name record strings zone`, or `trouble`. Raises Refused."""
        setup = self._setup_for(by)
        return [self._shown(key) for key in setup.dkim_keys if not domain or domain_key(key.domain) == domain_key(domain)]

    def check(self, by: str, domain: str) -> list[Json]:
        """`show` of a domain's keys with what the DNS says of each: `dns` is a word of `Record`, `said` a sentence. Raises NotFound and Refused."""
        setup = self._setup_for(by)
        keys = [key for key in setup.dkim_keys if domain_key(key.domain) == domain_key(domain)]
        if not keys:
            raise NotFound(f"There is no DKIM key for {domain[:255]}; guichet dkim new {domain[:255]} makes one.")
        found = [(key, self._looked(key)) for key in keys]
        return [{**self._shown(key), "dns": str(looked.record), "said": looked.said} for key, looked in found]

    def switch(self, domain: str, selector: str, by: str, *, enabled: bool, anyway: bool = False) -> Json:
        """Let a key sign or not. Raises NotFound, and Refused where its record is not seen in the DNS, unless `anyway`."""
        key = self._key(self._setup_for(by), domain, selector)
        if enabled and not anyway:
            looked = self._looked(key)
            if looked.record is not Record.FINE:
                raise Refused(f"The key is not switched on: {looked.said}. Receivers would see a signature that they cannot verify; --force switches it on all the same.")
        with self._database.durable() as connection:
            setup = self._setups.locked(connection)
            person = require_administrator(setup, by)
            key = self._key(setup, domain, selector)
            changed = replace(key, enabled=enabled)
            self._setups.save(connection, replace(setup, dkim_keys=tuple(changed if one is key else one for one in setup.dkim_keys)), person, self._clock.now())
        return self._shown(changed)

    def remove(self, domain: str, selector: str, by: str, *, anyway: bool = False) -> Json:
        """Take a key off the desk and forget its private part. Raises NotFound, and Refused while it signs, unless `anyway`."""
        with self._database.durable() as connection:
            setup = self._setups.locked(connection)
            person = require_administrator(setup, by)
            key = self._key(setup, domain, selector)
            if key.enabled and not anyway:
                raise Refused(f"The key {key.selector} of {key.domain} signs mail. Switch it off first (guichet dkim disable), or remove it with --force.")
            left = replace(setup, dkim_keys=tuple(one for one in setup.dkim_keys if one is not key))
            self._setups.save(connection, left, person, self._clock.now())
            if not list(users_of(left, key.secret)):
                rows.remove(connection, key.secret)
        log.info("dkim_key_removed", extra={"domain": key.domain, "selector": key.selector, "by": person})
        return {"domain": key.domain, "selector": key.selector, "name": record_name(key)}

    def _setup_for(self, by: str) -> Setup:
        with self._database.read() as connection:
            setup = self._setups.current(connection)
        require_administrator(setup, by)
        return setup

    @staticmethod
    def _key(setup: Setup, domain: str, selector: str) -> DkimKey:
        found = [key for key in setup.dkim_keys if domain_key(key.domain) == domain_key(domain) and key.selector.lower() == selector.lower()]
        if not found:
            raise NotFound(f"There is no DKIM key {selector[:120]} for {domain[:255]}; guichet dkim show lists them.")
        return found[0]

    def _looked(self, key: DkimKey) -> Looked:
        try:
            return look(key, self._secrets, self._lookups())
        except DnsTrouble as trouble:
            return Looked(Record.UNKNOWN, str(trouble))

    def _shown(self, key: DkimKey) -> Json:
        """Never the private part."""
        known: Json = {"domain": key.domain, "selector": key.selector, "enabled": key.enabled, "secret": key.secret, "name": record_name(key)}
        try:
            private = PrivateKey(self._secrets.get(key.secret))
        except (SecretTrouble, DkimTrouble) as trouble:
            return {**known, "trouble": str(trouble)}
        record = private.record
        return {**known, "kind": private.kind, "record": record, "strings": list(pieces(record)), "zone": zone_line(record_name(key), record)}


def secret_name(domain: str, selector: str) -> str:
    """What the private key is called in the secret store."""
    name = f"dkim-{selector}.{domain_key(domain)}"
    return name if len(name) <= LONGEST_NAME else f"dkim-{sha256(name.encode()).hexdigest()}"


def _free_selector(setup: Setup, domain: str, kind: str, now: datetime) -> str:
    """Named after the day, so that one sees which is the newer: `g20261122`, for Ed25519 `e20261122`."""
    base = f"{'e' if kind == ED25519 else 'g'}{now:%Y%m%d}"
    taken = {key.selector.lower() for key in setup.dkim_keys if domain_key(key.domain) == domain_key(domain)}
    return next(name for n in range(1, len(taken) + 2) if (name := base if n == 1 else f"{base}-{n}") not in taken)
