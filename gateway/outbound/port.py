"""The shape of a way out: what it is given and what it answers; the dispatcher and every transport import this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.delivery import Delivery
from core.outbox import OutboxMessage
from core.setup import Connector, Setup


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A sealed mail and for whom this attempt is. `id` is the outbox id; `envelope_from` '' is the null sender; `data` ends lines with CRLF."""

    id: str
    envelope_from: str
    recipients: tuple[str, ...]
    data: bytes


class Transport(Protocol):
    """A way out for one connector. Safe to use from several threads at once."""

    def deliver(self, mail: Outgoing, before_final_dot: Callable[[], None]) -> Delivery:
        """Try once. `before_final_dot` is called when nothing but the last write is left, and what it raises ends the attempt before that write.
        Once in an attempt: where a server wants the recipients in several transactions, before the first of them.

        Whatever else goes wrong is in the answer. Recipients come back by address key.
        """
        ...

    def close(self) -> None:
        """Give back what is kept open."""
        ...


@dataclass(frozen=True, slots=True)
class LeaseTime:
    """How long one attempt may take at the most, in seconds: everything before the final dot, and the wait for its answer."""

    before_dot: float = 900.0
    after_dot: float = 600.0
    margin: float = 60.0

    @property
    def seconds(self) -> float:
        """The lease of an attempt: longer than all time-outs together (architecture section 5)."""
        return self.before_dot + self.after_dot + self.margin


CONNECTIONS = 3
"""Sessions of one process with one server at the same time, where the connector does not say: Microsoft 365 allows one account no more."""


def connections_of(connector: Connector) -> int:
    """On how many connections of one process mail leaves by a connector at once; into a folder, one mail after the other."""
    return max(1, int(str(connector.outgoing.get("connections") or CONNECTIONS))) if connector.outgoing.get("kind") == "smtp" else 1


Transports = Callable[[Connector], Transport]
"""Finds the way out of a connector."""

Sign = Callable[[Setup, OutboxMessage, bytes], str]
"""Gives the DKIM-Signature fields of a sealed mail, each ending with CRLF, or '' for none; asked outside any transaction."""


def unsigned(_setup: Setup, _message: OutboxMessage, _data: bytes) -> str:
    """No signature."""
    return ""
