"""What answers of servers mean, and how outgoing messages move, as a Markdown page (`docs/outcomes.md`); drawn from the data, never written by hand."""

from __future__ import annotations

from collections.abc import Iterable

from core.delivery import MEANING, Reply, Stage
from core.health import LOGINS, PAUSES, PROBES
from core.outbox import OUTBOX, SHOWN_AS, OutboxEvent, OutboxState
from core.retry import DEFAULT, SPREAD
from core.settling import BECAUSE, EVENT_OF, URGENCY

ANSWERS = """# Outcomes of deliveries

Drawn from the tables in `core/delivery.py`, `core/settling.py`, `core/outbox.py`, `core/retry.py` and `core/health.py`.

## What an answer means

*settings* and *limits* are found out by ourselves, the other stages are those of the dialogue; *dot* begins with the first byte of the last
write. Before *rcpt* nothing is about the mail: *passing trouble*, *trouble* and *log-in refused* are about the connector, and use up no try.
“—” cannot happen. Rows for what real servers say refine the 4xx and 5xx of this table: [server-answers.md](server-answers.md).
"""

RECIPIENTS = """
## What the recipients' outcomes amount to

The first outcome in this list that occurs among the recipients speaks for the message. One more try is allowed after an unknown outcome by the
connector's policy, once only; after a temporary one while tries are left.
"""

STATES = """
## How a message moves

A cell that is not here is refused with a sentence ("too late").
"""


def draw() -> str:
    """The whole page."""
    return "\n".join((ANSWERS, _answers(), RECIPIENTS, _recipients(), STATES, _states(), _shown(), _waits()))


def _answers() -> str:
    head = ("stage ↓ answer →", *(str(reply) for reply in Reply))
    return _grid(head, ((str(stage), *(str(MEANING[stage].get(reply, "—")) for reply in Reply)) for stage in Stage))


def _recipients() -> str:
    rows = ((f"`{outcome}`", f"`{EVENT_OF[outcome][0]}`", f"`{EVENT_OF[outcome][1]}`") for outcome in URGENCY)
    said = "".join(f"- `{event}`: {words}\n" for event, words in BECAUSE.items())
    return _grid(("outcome", "event, if one more try is allowed", "event, if not"), rows) + "\n" + said


def _states() -> str:
    head = ("event ↓ state →", *(f"`{state}`" for state in OutboxState))
    return _grid(head, ((f"`{event}`", *(_cell(state, event) for state in OutboxState)) for event in OutboxEvent))


def _cell(state: OutboxState, event: OutboxEvent) -> str:
    to = OUTBOX[state].get(event)
    return "—" if to is None else f"`{to}`"


def _shown() -> str:
    rows = ((f"`{state}`", SHOWN_AS.get(state, "no longer in the Outbox")) for state in OutboxState)
    return "\n## What the Outbox page shows\n\n" + _grid(("state", "shown as"), rows)


def _waits() -> str:
    minutes = ", ".join(f"{interval.total_seconds() / 60:g}" for interval in DEFAULT.intervals)
    pauses = ", ".join(f"{pause.total_seconds():g}" for pause in PAUSES)
    probes = ", ".join(f"{probe.total_seconds() / 60:g}" for probe in PROBES)
    return (
        f"\n## Waits\n\nEach varies by ±{SPREAD:.0%}.\n\n"
        f"- between tries, where no retry template is configured: {minutes} minutes\n"
        f"- before a connector in trouble is asked again: {pauses} seconds\n"
        f"- after {LOGINS} refused log-ins in a row, between probes: {probes} minutes\n"
    )


def _grid(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ("| " + " | ".join(row) + " |\n" for row in (head, ("---",) * len(head), *rows))
    return "".join(lines)
