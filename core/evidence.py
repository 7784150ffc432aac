"""How strongly a mail is tied to an item, how well its sender is known, and THE table of what follows.

Finding the evidence in a mail is the business of `gateway/routing/match.py`.
"""

from __future__ import annotations

from enum import StrEnum

from core.setup import Strangers


class Evidence(StrEnum):
    """What in a mail points to an item, strongest first (decisions.md, evidence table)."""

    STRONG = "strong"
    """Our signed Message-ID in In-Reply-To or References, or a signed plus-address."""
    KNOWN = "known"
    """The unsigned id of a mail we have."""
    WEAK = "weak"
    """A reference in the subject, or an unsigned plus-reference."""
    NONE = "none"


class Standing(StrEnum):
    """Who the sender is to the item, best first."""

    PARTICIPANT = "participant"
    SAME_COMPANY = "same_company"
    AUTHENTICATED = "authenticated"
    """Nobody known to the item, but DMARC passed."""
    OTHER = "other"


class Outcome(StrEnum):
    """What follows from evidence and standing."""

    JOIN = "join"
    JOIN_CC = "join, sender added as Cc"
    HOLD = "hold"
    NEW_MARKED = "new item, marked"
    ROUTE = "route"
    BY_STRANGERS = "the connector's `strangers`"


_E, _S, _O = Evidence, Standing, Outcome

TABLE: dict[Evidence, dict[Standing, Outcome]] = {
    _E.STRONG: {_S.PARTICIPANT: _O.JOIN, _S.SAME_COMPANY: _O.JOIN_CC, _S.AUTHENTICATED: _O.BY_STRANGERS, _S.OTHER: _O.BY_STRANGERS},
    _E.KNOWN: {_S.PARTICIPANT: _O.JOIN, _S.SAME_COMPANY: _O.HOLD, _S.AUTHENTICATED: _O.HOLD, _S.OTHER: _O.HOLD},
    _E.WEAK: {_S.PARTICIPANT: _O.JOIN, _S.SAME_COMPANY: _O.NEW_MARKED, _S.AUTHENTICATED: _O.NEW_MARKED, _S.OTHER: _O.NEW_MARKED},
    _E.NONE: dict.fromkeys(Standing, _O.ROUTE),
}
"""Evidence × standing → outcome (decisions.md)."""

IF_DMARC_FAILED: dict[tuple[Evidence, Standing], Outcome] = {
    (_E.KNOWN, _S.PARTICIPANT): _O.HOLD,
    (_E.WEAK, _S.PARTICIPANT): _O.HOLD,
}
"""The cells that read otherwise when a trusted server says that DMARC failed."""

BY_STRANGERS: dict[Strangers, dict[Standing, Outcome]] = {
    Strangers.HOLD: {_S.AUTHENTICATED: _O.HOLD, _S.OTHER: _O.HOLD},
    Strangers.JOIN: {_S.AUTHENTICATED: _O.JOIN, _S.OTHER: _O.HOLD},
    Strangers.NEW: {_S.AUTHENTICATED: _O.NEW_MARKED, _S.OTHER: _O.NEW_MARKED},
}
"""The connector's setting for strangers with strong evidence; *join* is never automatic for a sender that nobody vouches for."""


def outcome(evidence: Evidence, standing: Standing, *, dmarc_failed: bool, strangers: Strangers) -> Outcome:
    """What follows; never `BY_STRANGERS`, which is looked up in the connector's setting."""
    found = TABLE[evidence][standing]
    if dmarc_failed:
        found = IF_DMARC_FAILED.get((evidence, standing), found)
    return BY_STRANGERS[strangers][standing] if found is Outcome.BY_STRANGERS else found


_STANDING_WORDS = {
    _S.PARTICIPANT: "participant",
    _S.SAME_COMPANY: "same company",
    _S.AUTHENTICATED: "others, authenticated (DMARC pass)",
    _S.OTHER: "others",
}
_EVIDENCE_WORDS = {
    _E.STRONG: "**strong**: our signed Message-ID in In-Reply-To or References, or a signed plus-address",
    _E.KNOWN: "**known**: the unsigned id of a mail we have (In-Reply-To first, then References newest first)",
    _E.WEAK: "**weak**: a reference in the subject `[101203-T]`, or an unsigned plus-reference",
    _E.NONE: "**none**",
}


def draw() -> str:
    """Both tables as Markdown, for docs/evidence.md."""
    return f"{_draw_table()}\n{_draw_strangers()}"


def _draw_table() -> str:
    lines = [_row("evidence", *_STANDING_WORDS.values()), _rule(len(_STANDING_WORDS))]
    for evidence, row in TABLE.items():
        lines.append(_row(_EVIDENCE_WORDS[evidence], *(_cell(evidence, standing, found) for standing, found in row.items())))
    return "".join(lines)


def _cell(evidence: Evidence, standing: Standing, found: Outcome) -> str:
    failed = IF_DMARC_FAILED.get((evidence, standing))
    return f"{found}; **{failed}** if DMARC failed" if failed else str(found)


def _draw_strangers() -> str:
    columns = (_S.AUTHENTICATED, _S.OTHER)
    lines = [_row("`strangers` of the connector", *(_STANDING_WORDS[standing] for standing in columns)), _rule(len(columns))]
    lines.extend(_row(f"`{setting}`", *(str(row[standing]) for standing in columns)) for setting, row in BY_STRANGERS.items())
    return "".join(lines)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _rule(columns: int) -> str:
    return "|---|" + "---|" * columns + "\n"
