"""Forwarders that we trust (RFC 8617): behind a valid ARC chain their last seal vouches for what they saw of the author; the server in front verifies it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from core.mail import Mail, domain_key
from gateway.routing.authentication import Authentication, Dmarc, read, trusted_results

SEAL, RESULTS = "arc-seal", "arc-authentication-results"
MOST_SETS = 50
"""RFC 8617 section 4.2.1."""


def by_forwarder(mail: Mail, trusted: Collection[str], forwarders: Iterable[str], own_seals: Collection[str] = ()) -> Authentication | None:
    """A pass that a trusted forwarder saw, or None.

    `trusted` are the servers whose `arc=pass` is believed, `own_seals` the domains by which those servers seal what they hand on:
    they stand above the forwarder's and are passed over.
    """
    listed = {domain_key(one) for one in forwarders}
    if not listed or not any(_chain_passed(results) for _, results in trusted_results(mail, trusted)):
        return None
    sealed = _last_foreign(mail, own_seals)
    if sealed is None or sealed[1] not in listed:
        return None
    instance, sealer = sealed
    domains = {address.domain for address in mail.from_}
    if len(domains) != 1 or _passed_domain(mail, instance) != (author := next(iter(domains))):
        return None
    return Authentication(Dmarc.PASS, f"{sealer}, a trusted forwarder, says that DMARC passed for {author}")


def _chain_passed(results: Iterable[object]) -> bool:
    found = [result for result in results if getattr(result, "method", "") == "arc"]
    return len(found) == 1 and getattr(found[0], "result", "") == "pass"


def _last_foreign(mail: Mail, own_seals: Collection[str]) -> tuple[int, str] | None:
    """(instance, domain) of the newest seal that is not of the servers in front; None where the numbers are not what a valid chain has."""
    seals: dict[int, str] = {}
    for value in mail.header_all(SEAL)[: MOST_SETS + 1]:
        tags = _tags(value)
        instance = _number(tags.get("i", ""))
        if not instance or instance in seals or tags.get("cv", "").lower() not in ("none", "pass"):
            return None
        seals[instance] = domain_key(tags.get("d", ""))
    if sorted(seals) != list(range(1, len(seals) + 1)):
        return None
    return next(((one, seals[one]) for one in sorted(seals, reverse=True) if seals[one] not in own_seals), None)


def _passed_domain(mail: Mail, instance: int) -> str:
    """The From domain for which the set of this number says `dmarc=pass`, '' if it does not."""
    found = [value for value in mail.header_all(RESULTS)[: 2 * MOST_SETS] if _number(_instance(value)) == instance]
    if len(found) != 1:
        return ""
    _, results = read(found[0].partition(";")[2])
    dmarc = [result for result in results if result.method == "dmarc"]
    return domain_key(dmarc[0].of("header.from")) if len(dmarc) == 1 and dmarc[0].result == "pass" else ""


def _instance(value: str) -> str:
    name, equals, number = value.partition(";")[0].partition("=")
    return number if equals and name.strip().lower() == "i" else ""


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 2 and 0 < int(text) <= MOST_SETS else 0


def _tags(value: str) -> dict[str, str]:
    pairs = (piece.partition("=") for piece in value[:8_000].split(";"))
    return {name.strip().lower(): "".join(content.split()) for name, equals, content in pairs if equals}
