"""How strongly a mail is tied to an item, how well its sender is known, and THE table of what follows.

Finding the evidence in a mail is the business of `gateway/routing/match.py`.
"""

from __future__ import annotations

from enum import StrEnum

from core.connector import PlusMode, Strangers


class Evidence(StrEnum):
    """What in a mail points to an item, strongest first (decisions.md, evidence table)."""

    STRONG = "strong"
    """Our signed Message-ID in In-Reply-To or References, or a signed plus-address."""
    KNOWN = "known"
    """The unsigned id of a mail we have."""
    WEAK = "weak"
    """A reference in the subject, or an unsigned plus-reference."""
    NONE = "none"


class Way(StrEnum):
    """By what a mail points to an item; THE words of the documentation."""

    SIGNED_ID = "our signed Message-ID in In-Reply-To or References"
    SIGNED_ADDRESS = "a plus-address that we signed"
    BOUNCE_ADDRESS = "the bounce address of a mail of ours"
    OUTDATED = "an id or address that we signed too long ago to prove anything"
    ID = "the unsigned id of a mail we have"
    PLAIN_ADDRESS = "an unsigned plus-reference"
    SUBJECT = "a reference in the subject"


_ALWAYS = frozenset(PlusMode)
_NOT_ONLY = frozenset({PlusMode.OFF, PlusMode.MIXED})

WAYS: dict[Way, tuple[Evidence, frozenset[PlusMode]]] = {
    Way.SIGNED_ID: (Evidence.STRONG, _ALWAYS),
    Way.SIGNED_ADDRESS: (Evidence.STRONG, _ALWAYS),
    Way.BOUNCE_ADDRESS: (Evidence.STRONG, _ALWAYS),
    Way.OUTDATED: (Evidence.KNOWN, _ALWAYS),
    Way.ID: (Evidence.KNOWN, _ALWAYS),
    Way.PLAIN_ADDRESS: (Evidence.WEAK, _NOT_ONLY),
    Way.SUBJECT: (Evidence.WEAK, _NOT_ONLY),
}
"""How strong each way is, and in which modes of plus-addressing it counts (B3, B-MT-02). What we signed goes on working in every mode
(decisions.md 13), and so does the id of a mail that came in (B3.1); *only* takes nothing that anybody could make up."""


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


_ABOUT_MODES = """
`plus_addressing` of the connector that a mail comes to decides which ways count there. It is in force once `guichet connector test NAME
--round-trip` has seen a plus-tagged mail arrive; until then it is *off*. *Mixed* and *only* put a signed plus-address into Reply-To (From stays
plain) and a bounce address of its own into the envelope of each mail. The test proves the connector's main address, so that a mail from an alias
carries no plus-address in Reply-To. A mail to several plus-addresses of ours belongs to each of their items.

"""


def draw() -> str:
    """The tables as Markdown, for docs/evidence.md."""
    return f"{_draw_table()}\n{_draw_strangers()}{_ABOUT_MODES}{_draw_ways()}"


def _draw_ways() -> str:
    lines = [_row("by what a mail points to an item", "evidence", *(f"`{mode}`" for mode in PlusMode)), _rule(1 + len(PlusMode))]
    lines.extend(_row(str(way), f"**{evidence}**", *("counts" if mode in modes else "–" for mode in PlusMode)) for way, (evidence, modes) in WAYS.items())
    return "".join(lines)


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
