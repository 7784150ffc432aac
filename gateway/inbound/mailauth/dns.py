"""Questions to the DNS for one mail: bounded in number and in time together, each asked once; what the answers mean is beside this."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from core.mail import domain_key

if TYPE_CHECKING:
    from dns.resolver import Resolver

DNS_PORT = 53
ONE_TRY_SECONDS = 2.0
"""Before another server, or the same once more, is asked."""
MOST_RECORDS = 100
LONGEST_TEXT = 8_192
"""Bytes of a TXT record; a longer one is none that we look for."""


class DnsTrouble(Exception):
    """No answer now: a time-out, a server's failure, or more questions than one mail may ask. `str()` says which; nothing follows from it."""


class Lookups:
    """The questions of one mail. `seconds` is the patience with all of them together."""

    def __init__(self, resolver: Resolver, seconds: float, most: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._resolver = resolver
        self._monotonic = monotonic
        self._until = monotonic() + seconds
        self._most = most
        self._answers: dict[tuple[str, str], tuple[Any, ...]] = {}
        self._troubles: dict[tuple[str, str], str] = {}
        self.asked = 0
        self.waited = 0.0
        """Seconds, all questions together."""

    @property
    def left(self) -> float:
        """Seconds of patience that are left, never below nought."""
        return max(0.0, self._until - self._monotonic())

    def texts(self, name: str) -> tuple[bytes, ...]:
        """The TXT records of a name, each in one piece; () where there are none. Raises DnsTrouble."""
        return tuple(b"".join(pieces) for pieces in self.records(name, "TXT"))

    def records(self, name: str, kind: str) -> tuple[Any, ...]:
        """Addresses and PTR names as text, MX as (preference, name), TXT as tuples of bytes; () where there are none. Raises DnsTrouble."""
        wanted = (domain_key(name), kind)
        if wanted in self._troubles:
            raise DnsTrouble(self._troubles[wanted])
        if wanted not in self._answers:
            try:
                self._answers[wanted] = self._ask(*wanted)
            except DnsTrouble as trouble:
                self._troubles[wanted] = str(trouble)
                raise
        return self._answers[wanted]

    def _ask(self, name: str, kind: str) -> tuple[Any, ...]:
        import dns.exception
        import dns.name
        import dns.resolver

        if self.asked >= self._most:
            raise DnsTrouble(f"more than {self._most} questions to the DNS")
        if not self.left:
            raise DnsTrouble("the time for answers of the DNS is over")
        self.asked += 1
        began = self._monotonic()
        try:
            answer = self._resolver.resolve(dns.name.from_text(name), kind, lifetime=self.left, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, dns.name.BadEscape, dns.resolver.YXDOMAIN, UnicodeError):
            return ()  # no such name can exist
        except (dns.exception.DNSException, OSError) as fault:
            raise DnsTrouble(f"the DNS does not answer for {name[:100]} ({type(fault).__name__})") from None
        finally:
            self.waited += self._monotonic() - began
        return tuple(_plain(record, kind) for record in list(answer)[:MOST_RECORDS] if kind != "TXT" or sum(map(len, record.strings)) <= LONGEST_TEXT)


class Patience:
    """Seconds that the next mail may wait for the DNS: less after others waited long, so that domains whose servers never answer do not stop all reading."""

    SPARE, LEAST, DRAIN = 60.0, 1.0, 0.2
    """Seconds of waiting that are always there at first, those that each mail has in any case, and how many come back in a second."""

    def __init__(self, most: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._monotonic = monotonic
        self._spent = 0.0
        self._at = monotonic()
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """What is left for one mail."""
        with self._lock:
            self._drain()
            return min(self._most, max(self.LEAST, self.SPARE - self._spent))

    def waited(self, seconds: float) -> None:
        """One mail waited so long; the first second is everybody's."""
        with self._lock:
            self._drain()
            self._spent = min(self.SPARE, self._spent + max(0.0, seconds - self.LEAST))

    def _drain(self) -> None:
        now = self._monotonic()
        self._spent = max(0.0, self._spent - self.DRAIN * (now - self._at))
        self._at = now


def _plain(record: Any, kind: str) -> Any:
    if kind == "TXT":
        return tuple(record.strings)
    if kind == "MX":
        return (record.preference, record.exchange.to_text(True))
    return record.target.to_text(True) if kind == "PTR" else record.address


def resolver(servers: Sequence[str]) -> Resolver:
    """Asks these servers (`ip`, `ip:port` or `[ip6]:port`), or those of the system. Raises DnsTrouble where there are none."""
    import dns.nameserver
    import dns.resolver

    try:
        made = dns.resolver.Resolver(configure=not servers)
        if servers:
            made.nameservers = [dns.nameserver.Do53Nameserver(*server_of(one)) for one in servers]
    except (dns.resolver.NoResolverConfiguration, ValueError) as fault:
        raise DnsTrouble(f"there is no DNS server to ask: {fault}") from None
    made.timeout = ONE_TRY_SECONDS
    return made


def server_of(written: str) -> tuple[str, int]:
    """(address, port) of `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. Raises ValueError."""
    from ipaddress import ip_address

    host, colon, port = written.strip().rpartition(":")
    if not colon or (host.count(":") and not host.startswith("[")):
        return str(ip_address(written.strip().strip("[]"))), DNS_PORT
    number = int(port)
    if not 0 < number < 65_536:
        raise ValueError(f"{port} is no port")
    return str(ip_address(host.strip("[]"))), number
