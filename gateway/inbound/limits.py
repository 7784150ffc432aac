"""How much one client and all clients together may ask of a network door; what is answered when it is too much is `replies.py`."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

MAX_TRACKED = 20_000
LOCAL = "local"
"""The address of a client that came by a socket in the file system: whoever may open it is on this machine, and let in by its mode."""


class Room:
    """Bytes of mail content that all connections together may hold in memory at one time."""

    def __init__(self, total: int) -> None:
        self._free = total

    def take(self, size: int) -> bool:
        """Reserve bytes; False where there is no room for them."""
        if size > self._free:
            return False
        self._free -= size
        return True

    def give(self, size: int) -> None:
        """Give reserved bytes back."""
        self._free += size

    @property
    def free(self) -> int:
        return self._free


@dataclass(slots=True)
class _Bucket:
    """A token bucket: `per_minute` tokens at once, and as many again over each minute."""

    tokens: float
    at: float

    def draw(self, per_minute: int, now: float) -> bool:
        self.tokens = min(per_minute, self.tokens + (now - self.at) * per_minute / 60)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Peers:
    """Counts connections and mails by client. Clients in `unlimited` networks (the MTA in front of us) have only the common cap.

    `now` is always a monotonic time in seconds. An IPv6 client is its /64 network, because one client owns that many addresses.
    """

    def __init__(self, *, connections: int, per_peer: int, connections_per_minute: int, mails_per_minute: int, unlimited: tuple[str, ...]) -> None:
        self._connections = connections
        self._per_peer = per_peer
        self._connections_per_minute = connections_per_minute
        self._mails_per_minute = mails_per_minute
        self._unlimited = tuple(ip_network(network, strict=False) for network in unlimited)
        self._open: dict[str, int] = {}
        self._open_in_all = 0
        self._connecting: dict[str, _Bucket] = {}
        self._mailing: dict[str, _Bucket] = {}

    def enter(self, address: str, now: float) -> str:
        """Count a new connection; '' where it is welcome, else the name of the reply. Each call needs its `leave`."""
        peer = peer_key(address)
        self._open_in_all += 1
        self._open[peer] = self._open.get(peer, 0) + 1
        if self._open_in_all > self._connections:
            return "busy"
        if self._is_unlimited(address):
            return ""
        if self._open[peer] > self._per_peer:
            return "too_many_connections"
        return "" if self._draw(self._connecting, peer, self._connections_per_minute, now) else "connecting_too_fast"

    def leave(self, address: str) -> None:
        """Count a connection that has ended."""
        peer = peer_key(address)
        self._open_in_all -= 1
        self._open[peer] -= 1
        if not self._open[peer]:
            del self._open[peer]

    def may_send(self, address: str, now: float) -> bool:
        """Whether the client may begin one more mail in this minute."""
        return self._is_unlimited(address) or self._draw(self._mailing, peer_key(address), self._mails_per_minute, now)

    def _draw(self, buckets: dict[str, _Bucket], peer: str, per_minute: int, now: float) -> bool:
        if len(buckets) >= MAX_TRACKED:
            _forget_rested(buckets, now)
        return buckets.setdefault(peer, _Bucket(per_minute, now)).draw(per_minute, now)

    def _is_unlimited(self, address: str) -> bool:
        try:
            known = ip_address(address)
        except ValueError:
            return address == LOCAL
        return any(known in network for network in self._unlimited)


class Allowance:
    """So many times within so many seconds, for each of those that are counted. `now` is always a monotonic time in seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._minutes = seconds / 60
        self._buckets: dict[str, _Bucket] = {}

    def take(self, whose: str, now: float) -> bool:
        """One time more; False where none is left for now."""
        if len(self._buckets) >= MAX_TRACKED:
            _forget_rested(self._buckets, now / self._minutes)
        return self._buckets.setdefault(whose, _Bucket(self._most, now / self._minutes)).draw(self._most, now / self._minutes)

    def give_back(self, whose: str) -> None:
        """What was taken a moment ago does not count."""
        bucket = self._buckets.get(whose)
        if bucket is not None:
            bucket.tokens += 1


def _forget_rested(buckets: dict[str, _Bucket], now: float) -> None:
    """Buckets untouched for a minute are full again; if that frees little, all go: memory is bounded before fairness."""
    for peer in [peer for peer, bucket in buckets.items() if now - bucket.at >= 60]:
        del buckets[peer]
    if len(buckets) > MAX_TRACKED // 2:
        buckets.clear()


def peer_key(address: str) -> str:
    """What counts as one client: an IPv4 address, an IPv6 /64 network, or the text as it is."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        return str(ip_network((known, 64), strict=False).network_address)
    return address
