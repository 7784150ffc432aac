"""The Prometheus figures, read from the rows at each scrape, so that they are right in every process; nothing is counted in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.store.figures import UNPROCESSED, Figures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


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
