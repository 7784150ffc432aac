"""What Microsoft 365 writes into mail: who was logged in within our own tenant, and its verdict on mail from outside, which bears no server's name.

Anybody can write these fields. Exchange Online takes `X-MS-Exchange-Organization-…` and Authentication-Results out of mail from outside before it
writes its own, so that they are believed where all of them are there exactly once; and its own stand above everything that came with the mail.
"""

from __future__ import annotations

from core.agent_trust import Proof
from core.mail import Mail, domain_key
from gateway.routing.authentication import HEADER, Authentication, Dmarc, Result, has_one_author, passed_for, read

AUTH_AS = "x-ms-exchange-organization-authas"
AUTH_SOURCE = "x-ms-exchange-organization-authsource"
TENANT = "x-ms-exchange-crosstenant-id"
HOSTS = ("outlook.com", "office365.us", "partner.outlook.cn")
"""Endings of the names that Microsoft's servers give themselves in Received."""
SERVER = "Microsoft 365"
EXPLICIT, BY_ARC = "100", "130"
"""Reasons of `compauth=pass`: SPF or DKIM passed for the From domain; a sealer that our administrator trusts vouched (ARC)."""


def internal(mail: Mail, tenant: str) -> Authentication | None:
    """Written by somebody who was logged in within our tenant, or None."""
    wanted = tenant.strip().lower()
    if not wanted or _only(mail, TENANT) != wanted or _only(mail, AUTH_AS) != "internal" or not _only(mail, AUTH_SOURCE):
        return None
    if len({address.domain for address in mail.from_}) != 1:
        return None
    return Authentication(Dmarc.PASS, f"{SERVER} says that it was written inside our own tenant", Proof.INTERNAL if has_one_author(mail) else "")


def verdict(mail: Mail) -> Authentication:
    """What Exchange Online says of a mail from outside."""
    if not _only(mail, AUTH_SOURCE):
        return Authentication(because=f"the fields that {SERVER} writes into every mail are not there, or there twice: its verdict may be forged")
    value, because = _topmost(mail)
    if because:
        return Authentication(because=because)
    results = read(value)[1]
    dmarc = next((result for result in results if result.method == "dmarc"), None)
    composite = next((result for result in results if result.method == "compauth"), None)
    return _weighed(mail, dmarc, composite)


def _weighed(mail: Mail, dmarc: Result | None, composite: Result | None) -> Authentication:
    judged = dmarc.of("header.from") if dmarc is not None else ""
    reason = composite.of("reason") if composite is not None and composite.result == "pass" else ""
    if reason == BY_ARC and _is_about(mail, judged):
        return Authentication(Dmarc.PASS, f"{SERVER} says that a trusted forwarder vouches for {judged} (compauth reason {BY_ARC})")
    if dmarc is not None and dmarc.result == "fail":
        return Authentication(Dmarc.FAIL, f"{SERVER} says that DMARC failed")
    if composite is not None and composite.result == "fail":
        return Authentication(Dmarc.FAIL, f"{SERVER} says that the sender is forged (compauth=fail)")
    if dmarc is not None and dmarc.result == "pass":
        return passed_for(mail, SERVER, judged)
    if reason == EXPLICIT and _is_about(mail, judged):
        return Authentication(Dmarc.PASS, f"{SERVER} says that SPF or DKIM passed for {judged} (compauth reason {EXPLICIT})")
    return Authentication(because=f"{SERVER} says nothing certain about the sender")


def _is_about(mail: Mail, judged: str) -> bool:
    return bool(judged) and {address.domain for address in mail.from_} == {domain_key(judged)}


def _only(mail: Mail, name: str) -> str:
    """The value of a field that is there exactly once, lower case; '' otherwise."""
    values = mail.header_all(name)
    return values[0].strip().lower() if len(values) == 1 else ""


def _topmost(mail: Mail) -> tuple[str, str]:
    """The topmost Authentication-Results, or why it is not believed: it bears a name, or a server that is not Microsoft's handled the mail above it.

    The field of Received directly below it must be Microsoft's as well: it is the server that took the mail in and judged it.
    """
    value: str | None = None
    for name, written in mail.headers:
        key = name.lower()
        if key == HEADER and value is None:
            if read(written)[0]:
                return "", f"the topmost verdict bears the name of a server; that of {SERVER} has none"
            value = written
        elif key == "received":
            if not _is_by_microsoft(written):
                return "", f"a server that is not {SERVER}'s stands where its verdict should be"
            if value is not None:
                return value, ""
    return "", f"there is no verdict of {SERVER}"


def _is_by_microsoft(received: str) -> bool:
    words = received[:2_000].lower().split()
    host = next((words[place + 1] for place, word in enumerate(words[:-1]) if word == "by"), "").strip(";()")
    return any(host == ending or host.endswith(f".{ending}") for ending in HOSTS)
