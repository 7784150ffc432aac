"""Whose word about the author is believed for the mailboxes a mail came to, by their profiles; how each kind of word is read is beside this.

Headers are believed only at doors that stand behind the server that wrote them: what comes to our own SMTP door for a mailbox that is
fetched elsewhere has passed no such server.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.mail import Envelope, Mail, domain_key
from core.setup import Connector, Provider
from gateway.routing.arc import by_forwarder
from gateway.routing.authentication import Authentication, Dmarc, authentication
from gateway.routing.internal import internal, verdict

SERVERS: dict[Provider, tuple[str, ...]] = {Provider.GOOGLE: ("mx.google.com",), Provider.MICROSOFT365: ("",)}
"""The names under which the servers of a provider write Authentication-Results, besides those that the connector lists."""

SEALS: dict[Provider, tuple[str, ...]] = {Provider.GOOGLE: ("google.com",), Provider.MICROSOFT365: ("microsoft.com",)}
"""The domains by which they seal what they hand on."""

FETCHED_KINDS = frozenset({"imap", "pop3", "maildir"})
DOORS_TO_ALL = frozenset({"smtp", "lmtp"})


def judge(mail: Mail, envelope: Envelope, connectors: Iterable[Connector]) -> Authentication:
    """What is known of the author: a failure that any mailbox's servers saw, else a pass, else nothing."""
    found = [_by_profile(mail, connector) if _is_behind(envelope, connector) else _unseen(connector) for connector in connectors]
    failed = next((one for one in found if one.dmarc is Dmarc.FAIL), None)
    passed = next((one for one in found if one.dmarc is Dmarc.PASS), None)
    return failed or passed or next(iter(found), authentication(mail, ()))


def _is_behind(envelope: Envelope, connector: Connector) -> bool:
    """Whether the mail came through the servers that the connector's profile speaks of."""
    return not (envelope.door in DOORS_TO_ALL and connector.incoming.get("kind") in FETCHED_KINDS)


def _unseen(connector: Connector) -> Authentication:
    return Authentication(because=f"the mail did not come through the mailbox of connector {connector.name}: what is written in it about its sender is not believed")


def _by_profile(mail: Mail, connector: Connector) -> Authentication:
    profile = connector.profile
    if profile.provider is Provider.MICROSOFT365:
        inside = internal(mail, profile.tenant)
        if inside is not None:
            return inside
    trusted = servers(connector)
    found = verdict(mail) if profile.provider is Provider.MICROSOFT365 else authentication(mail, trusted)
    if found.dmarc is Dmarc.NONE and profile.provider is Provider.MICROSOFT365 and connector.trusted_authserv_ids:
        found = authentication(mail, [one for one in trusted if one])
    if found.dmarc is Dmarc.PASS:
        return found
    return by_forwarder(mail, [one for one in trusted if one], profile.trusted_forwarders, _own_seals(connector)) or found


def servers(connector: Connector) -> tuple[str, ...]:
    """The names whose Authentication-Results are believed for a connector, lower case; '' for one that writes none."""
    listed = (*connector.trusted_authserv_ids, *SERVERS.get(connector.profile.provider, ()))
    return tuple(dict.fromkeys(one.strip().lower() for one in listed))


def _own_seals(connector: Connector) -> frozenset[str]:
    """Also the names of trusted servers and every domain above them."""
    names = [domain_key(one) for one in connector.trusted_authserv_ids if one]
    above = (".".join(name.split(".")[start:]) for name in names for start in range(max(1, name.count("."))))
    return frozenset((*SEALS.get(connector.profile.provider, ()), *above))
