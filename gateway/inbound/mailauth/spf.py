"""SPF (RFC 7208) for one mail: may this client send for the domain of the return path; the records are read by pyspf, the DNS is asked by `dns.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from core.mail import domain_key
from gateway.inbound.mailauth.dns import DnsTrouble, Lookups

VOID_LOOKUPS = 2
"""RFC 7208 section 4.6.4."""
LONGEST_NAME = 255

INSIDE = tuple(map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10")))
"""Clients from there are servers of our own in front of us, which say nothing about who sent the mail."""


class Spf(StrEnum):
    """The results of RFC 7208 section 2.6, and UNKNOWN where we are not the first to take the mail."""

    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"
    UNKNOWN = "not checked"


@dataclass(frozen=True, slots=True)
class SpfResult:
    """`domain` is the one that was judged: that of the return path, or of HELO where the return path is empty."""

    result: Spf
    domain: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it may still be a pass at another time, or where it can be seen."""
        return self.result in (Spf.TEMPERROR, Spf.UNKNOWN)

    def __str__(self) -> str:
        return f"SPF {self.result} for {self.domain}" if self.domain else f"SPF {self.result}"


def spf(peer: str, helo: str, sender: str, lookups: Lookups) -> SpfResult:
    """What the domain of the return path says of the client at `peer`. Raises nothing."""
    client = _client(peer)
    if client is None:
        return SpfResult(Spf.UNKNOWN)
    sender = sender.strip().strip("<>")
    domain = domain_key(sender.rpartition("@")[2] if "@" in sender else helo)
    if not domain or "." not in domain or len(domain) > LONGEST_NAME or domain.startswith("["):
        return SpfResult(Spf.NONE, domain[:100])
    local = sender.rpartition("@")[0] or "postmaster"
    return SpfResult(_check(client, f"{local}@{domain}", helo[:LONGEST_NAME], lookups), domain)


def _client(peer: str) -> IPv4Address | IPv6Address | None:
    """The client's address; None where there is none, or where it is a server of our own."""
    try:
        address = ip_address(peer.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = mapped or address
    return None if any(address.version == network.version and address in network for network in INSIDE) else address


def _check(client: IPv4Address | IPv6Address, sender: str, helo: str, lookups: Lookups) -> Spf:
    import spf as pyspf

    class Query(pyspf.query):  # type: ignore[misc]  # the library has no types
        """The library's query, asking our way: it would ask the system's servers, as often as it likes."""

        def dns(self, name: Any, qtype: str, cnames: Any = None, ignore_void: bool = False) -> list[Any]:
            try:
                found = lookups.records(str(name), qtype)
            except DnsTrouble as trouble:
                raise pyspf.TempError(str(trouble)) from None
            if not found and not ignore_void:
                self.void_lookups += 1
                if self.void_lookups > VOID_LOOKUPS:
                    raise pyspf.PermError("more names without records than may be")
            return list(found)

    try:
        result = Query(i=str(client), s=sender, h=helo or "unknown.invalid").check()[0]
    except (AssertionError, ValueError, LookupError, TypeError, AttributeError, RecursionError, pyspf.PermError, pyspf.TempError) as fault:
        return Spf.TEMPERROR if isinstance(fault, pyspf.TempError) else Spf.PERMERROR  # records that the library trips over are wrong ones
    return Spf(result) if result in list(Spf) else Spf.PERMERROR
