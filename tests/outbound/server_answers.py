"""Draws `docs/server-answers.md` from the table of behaviours and the rows of `core/answers.py`; `python -m tests.outbound.server_answers` writes it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.answers import MAILS, OPENING, PARAMETERS, ROWS, SPOKEN, Row
from core.delivery import Meaning
from core.outbox import OutboxState, Outcome
from tests.outbound.behaviours import BEHAVIOURS, NOT_SPOKEN, Behaviour

PAGE = Path(__file__).resolve().parents[2] / "docs" / "server-answers.md"

INTRODUCTION = """# What servers answer, and what we make of it

Drawn from `core/answers.py` and from `tests/outbound/behaviours.py`; every line of the second table is played over a real connection by
`tests/outbound/test_behaviours.py`, pipelined (RFC 2920) and one by one where that can matter.

The class of a reply decides by its stage ([outcomes.md](outcomes.md)); the rows below refine that for what real servers say. Nothing but a
well-formed 2xx after the final dot is an acceptance, and no row can change that.

Where the reply code and the enhanced code contradict each other (550 with 4.2.2), **the reply code wins** and the enhanced code does not count:
RFC 2034 section 4 demands that they agree, RFC 5321 section 4.2.1 lets the first digit alone say whether a repeat makes sense, and Postfix's own client does the same.

What is said before RCPT is about the connector, but for a refusal of what MAIL says of this mail: its size, 8-bit content, addresses beyond ASCII.
A mailbox that is full is temporary with 452 and permanent with 552: the server itself says whether it expects room. A quota, a rate or a block that is
about our account is trouble with the connector wherever it is said: the mails wait and lose no try.

## Answers with a meaning of their own

The first row that fits counts. “-” is no enhanced code, `*` any rest.

"""

PLAYED = """
## Behaviours

*State* is that of a message with tries left whose connector repeats after an unknown outcome. *Second copy*: whether the repeat could reach somebody twice.

"""

_STAGES = {SPOKEN: "any", MAILS: "rcpt, data, body, dot", OPENING: "before rcpt", PARAMETERS: "mail, rcpt, data, body, dot"}
_NEXT = {
    OutboxState.SENT: "sent",
    OutboxState.FAILED: "failed; the author is told",
    OutboxState.PENDING_RETRY: "tried again",
}


def draw() -> str:
    """The whole page."""
    rows = _grid(("stage", "codes", "enhanced", "words", "meaning", "because", "seen"), (_row(row) for row in ROWS))
    return INTRODUCTION + rows + PLAYED + "\n".join(_group(name, group) for name, group in BEHAVIOURS)


def _row(row: Row) -> tuple[str, ...]:
    stages = _STAGES.get(row.stages) or ", ".join(row.stages)
    return (stages, *(f"`{_cell(one)}`" if one else "any" for one in (row.codes, row.enhanced, row.words)), str(row.meaning), row.because, row.seen)


def _group(name: str, group: tuple[Behaviour, ...]) -> str:
    head = ("the server…", "we see", "recipients", "state", "what happens next", "second copy")
    return f"### {name}\n\n" + _grid(head, (_behaviour(one) for one in group))


def _behaviour(one: Behaviour) -> tuple[str, ...]:
    mode = "" if len(one.modes) > 1 or one.modes == NOT_SPOKEN and one.stage not in MAILS else f" ({one.modes[0]})"
    recipients = ", ".join(one.end) if isinstance(one.end, tuple) else "not asked, or nobody took it"
    return (_cell(one.name) + mode, f"*{one.stage}*: {_seen(one)}", recipients, f"`{one.state}`", _next(one), "possible" if one.copy else "no")


def _seen(one: Behaviour) -> str:
    if isinstance(one.end, Meaning):
        return str(one.end)
    return "acceptance" if set(one.end) == {Outcome.ACCEPTED} else "an answer for each recipient" if len(set(one.end)) > 1 else str(one.end[0])


def _next(one: Behaviour) -> str:
    if isinstance(one.end, Meaning):
        return {
            Meaning.PASSING: "waits, no try is used; asked again after a short pause",
            Meaning.TROUBLE: "waits, no try is used; alarm",
            Meaning.LOGIN_REFUSED: "waits, no try is used; suspended after three in a row",
        }[one.end]
    if one.copy:
        return "the same bytes once more, or held for a person"
    if one.state is OutboxState.PENDING_RETRY:
        again = sum(outcome is Outcome.TEMPORARY for outcome in one.end)
        return f"tried again for {'everybody' if again == len(one.end) else f'{again} of {len(one.end)}'}"
    return _NEXT[one.state] + ("; the author is told who did not get it" if one.state is OutboxState.SENT and Outcome.PERMANENT in one.end else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _grid(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ("| " + " | ".join(row) + " |\n" for row in (head, ("---",) * len(head), *rows))
    return "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(draw(), "utf-8")
