"""Checks of a connector's profile: what is believed of the servers in front of a mailbox is well-formed, and can be true."""

from __future__ import annotations

import re

from core.setup import Connector, Profile, Provider
from gateway.deskfile import forms
from gateway.deskfile.forms import Found
from gateway.routing.vouching import DOORS_TO_ALL, SERVERS

_TENANT = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MARK = re.compile(r"[!-9;-~]{1,100}:.{0,300}")


def profile(path: str, given: Profile) -> Found:
    """Faults of one profile, which stands at `path`."""
    if given.tenant and given.provider is not Provider.MICROSOFT365:
        yield f"{path}.tenant", 'only provider = "microsoft365" has a tenant'
    elif given.tenant and _TENANT.fullmatch(given.tenant.strip()) is None:
        yield f"{path}.tenant", f"“{given.tenant[:60]}” is no tenant id; something like 0f0c7b0e-8d0a-4d2c-9a37-5f0e3c6f1a2b is expected"
    for number, domain in enumerate(given.trusted_forwarders, 1):
        yield from forms.domain(f"{path}.trusted_forwarders[{number}]", domain)
    for number, address in enumerate(given.own_lists, 1):
        yield from forms.address(f"{path}.own_lists[{number}]", address)
    for number, mark in enumerate(given.spam_marks, 1):
        if not mark.isprintable() or _MARK.fullmatch(mark) is None:
            yield f"{path}.spam_marks[{number}]", f"“{mark[:80]}” names no header field; something like “X-Spam-Flag: yes” is expected"


def warnings(path: str, connector: Connector) -> Found:
    """What is allowed and probably not meant."""
    given, believed = connector.profile, [one for one in connector.trusted_authserv_ids if one.strip()]
    if given.provider is Provider.OWN_MX and connector.receives and connector.incoming.get("kind") not in ("smtp", "lmtp"):
        yield f"{path}.profile.provider", "own_mx is for mail that comes to our own SMTP door: here only DKIM can be checked"
    if given.provider in SERVERS and connector.receives and connector.incoming.get("kind") in DOORS_TO_ALL:
        said = "anybody who reaches our own door can write what is believed of this provider: let nobody but its servers connect to it, or use own_mx"
        yield f"{path}.profile.provider", said
    if given.trusted_forwarders and not believed and given.provider is not Provider.GOOGLE:
        yield f"{path}.profile.trusted_forwarders", "no server is trusted to verify their seals (trusted_authserv_ids): they are believed nothing"
    if "" in (one.strip() for one in connector.trusted_authserv_ids):
        yield f"{path}.trusted_authserv_ids", 'an empty name believes any header without one, and anybody can write that; use provider = "microsoft365"'
