"""The Prometheus figures, read from the rows at each scrape, so that they are right in every process; nothing is counted in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.store.figures import UNPROCESSED, Figures
from gateway.store.mailbox_figures import MailboxFigures
from gateway.store.outbox_figures import Outgoing

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Named(Protocol):
    """Whatever bears the name of a connector."""

    @property
    def name(self) -> str: ...


One = TypeVar("One", bound=_Named)


class RowsCollector(Collector):
    """Asks for the figures once per scrape. Label values come from closed sets, never from mail."""

    def __init__(self, read: Callable[[], Figures]) -> None:
        self._read = read

    def describe(self) -> list[Metric]:
        """Nothing in advance: registering must not read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metric families of this moment."""
        now = self._read()
        yield _by_label("guichet_inbound_messages", "Inbound messages by state.", "state", now.inbound)
        yield CounterMetricFamily(
            "guichet_inbound_processed", "Inbound messages that were processed.", sum(count for state, count in now.inbound.items() if state not in UNPROCESSED)
        )
        yield GaugeMetricFamily("guichet_inbound_oldest_unprocessed_seconds", "Age of the oldest inbound message not yet processed.", now.oldest_unprocessed)
        yield _by_label("guichet_outbox_messages", "Outgoing messages by state.", "state", now.outbox)
        yield CounterMetricFamily("guichet_outbox_sent", "Outgoing messages that were accepted.", now.outbox["sent"] + now.outbox["bounced"])
        yield GaugeMetricFamily("guichet_outbox_oldest_due_seconds", "How long the outgoing message due longest has been due.", now.oldest_due)
        items = GaugeMetricFamily("guichet_work_items", "Work items by kind and status.", labels=("kind", "status"))
        for labels, count in sorted(now.items.items()):
            items.add_metric(list(labels), count)
        yield items
        yield GaugeMetricFamily("guichet_scanner_away", "1 while the virus scanner does not answer and mail with attachments waits.", float(now.scanner_away))
        yield from _by_connector(_MAILBOX_GAUGES, now.mailboxes)
        yield from _by_connector(_OUTGOING_GAUGES, now.outgoing)


def _by_connector(gauges: Sequence[tuple[str, str, Callable[[One], float]]], found: Sequence[One]) -> Iterator[Metric]:
    """One line per connector; moments in seconds since 1970, 0 for never or none."""
    for name, text, value in gauges:
        family = GaugeMetricFamily(name, text, labels=("connector",))
        for one in found:
            family.add_metric([one.name], value(one))
        yield family


_MAILBOX_GAUGES: tuple[tuple[str, str, Callable[[MailboxFigures], float]], ...] = (
    ("guichet_mailbox_last_success_timestamp_seconds", "When the mailbox was last read without trouble.", lambda one: _stamp(one.health.last_success_at)),
    ("guichet_mailbox_waiting", "Messages in the mailbox that are still to be taken in.", lambda one: one.waiting),
    ("guichet_mailbox_oldest_waiting_timestamp_seconds", "Since when the oldest of them waits.", lambda one: _stamp(one.oldest_waiting_at)),
    ("guichet_mailbox_messages", "Messages on the server.", lambda one: one.seen),
    ("guichet_mailbox_stored", "Messages taken in from the mailbox.", lambda one: one.stored),
    ("guichet_mailbox_suspended", "1 while log-ins are refused and somebody must look.", lambda one: one.health.suspended),
    ("guichet_mailbox_troubled", "1 while the last look into the mailbox failed.", lambda one: one.health.troubled),
)

_OUTGOING_GAUGES: tuple[tuple[str, str, Callable[[Outgoing], float]], ...] = (
    ("guichet_outbox_due", "Outgoing messages that should have left.", lambda one: one.due),
    ("guichet_outbox_oldest_due_age_seconds", "How long the one of them that has been due longest has been due.", lambda one: one.oldest_due),
    ("guichet_outbox_held", "Outgoing messages that a person must release.", lambda one: one.by_state.get("held", 0)),
    ("guichet_outbox_failed", "Outgoing messages that failed and are still in the Outbox.", lambda one: one.by_state.get("failed", 0)),
    ("guichet_outbox_unknown", "Outgoing messages of which nobody knows whether they arrived.", lambda one: one.by_state.get("unknown", 0)),
    ("guichet_connector_suspended", "1 while log-ins for sending are refused and somebody must look.", lambda one: one.health.suspended),
    ("guichet_connector_troubled", "1 while the last attempt to send met trouble with the connector.", lambda one: one.health.troubled),
    ("guichet_connector_last_success_timestamp_seconds", "When the connector last did its part in sending.", lambda one: _stamp(one.health.last_success_at)),
    ("guichet_sent_copies_waiting", "Mails that left and are still to be put into the folder Sent.", lambda one: one.copies_waiting),
)


def _stamp(moment: datetime | None) -> float:
    return moment.timestamp() if moment is not None else 0.0


def _by_label(name: str, text: str, label: str, counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def registry(read: Callable[[], Figures]) -> CollectorRegistry:
    """A registry of our own with the rows and this process's memory and CPU."""
    made = CollectorRegistry(auto_describe=False)
    made.register(RowsCollector(read))
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    return made


def text(made: CollectorRegistry) -> bytes:
    """The page that Prometheus reads."""
    return generate_latest(made)
