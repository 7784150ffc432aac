"""The evidence table: every cell as decisions.md has it, and its drawing."""

from __future__ import annotations

import pytest

from core.connector import Connector, PlusMode, Strangers
from core.evidence import BY_STRANGERS, TABLE, WAYS, Evidence, Outcome, Standing, Way, draw, outcome

E, S, O = Evidence, Standing, Outcome  # noqa: E741

CELLS = [
    (E.STRONG, S.PARTICIPANT, False, "hold", O.JOIN),
    (E.STRONG, S.PARTICIPANT, True, "hold", O.JOIN),
    (E.STRONG, S.SAME_COMPANY, False, "hold", O.JOIN_CC),
    (E.STRONG, S.AUTHENTICATED, False, "hold", O.HOLD),
    (E.STRONG, S.AUTHENTICATED, False, "join", O.JOIN),
    (E.STRONG, S.AUTHENTICATED, False, "new", O.NEW_MARKED),
    (E.STRONG, S.OTHER, False, "hold", O.HOLD),
    (E.STRONG, S.OTHER, False, "join", O.HOLD),
    (E.STRONG, S.OTHER, False, "new", O.NEW_MARKED),
    (E.KNOWN, S.PARTICIPANT, False, "hold", O.JOIN),
    (E.KNOWN, S.PARTICIPANT, True, "hold", O.HOLD),
    (E.KNOWN, S.SAME_COMPANY, False, "join", O.HOLD),
    (E.KNOWN, S.AUTHENTICATED, False, "join", O.HOLD),
    (E.KNOWN, S.OTHER, False, "join", O.HOLD),
    (E.WEAK, S.PARTICIPANT, False, "hold", O.JOIN),
    (E.WEAK, S.PARTICIPANT, True, "hold", O.HOLD),
    (E.WEAK, S.SAME_COMPANY, False, "join", O.NEW_MARKED),
    (E.WEAK, S.AUTHENTICATED, False, "join", O.NEW_MARKED),
    (E.WEAK, S.OTHER, False, "join", O.NEW_MARKED),
    (E.NONE, S.PARTICIPANT, False, "join", O.ROUTE),
    (E.NONE, S.OTHER, True, "join", O.ROUTE),
]


@pytest.mark.parametrize(("evidence", "standing", "failed", "strangers", "wanted"), CELLS)
def test_cells(evidence: Evidence, standing: Standing, failed: bool, strangers: str, wanted: Outcome) -> None:
    """Each cell of the evidence table in decisions.md gives what is written there."""
    assert outcome(evidence, standing, dmarc_failed=failed, strangers=Strangers(strangers)) is wanted


def test_the_table_is_complete() -> None:
    """There is an outcome for all evidence, all senders and all settings, and it is never the reference to the setting itself."""
    for evidence in Evidence:
        for standing in Standing:
            for strangers in Strangers:
                for failed in (False, True):
                    assert outcome(evidence, standing, dmarc_failed=failed, strangers=strangers) is not Outcome.BY_STRANGERS


def test_joining_is_never_automatic_for_those_nobody_vouches_for() -> None:
    """Others without authentication join nothing, whatever the evidence and the setting."""
    for evidence in Evidence:
        for strangers in Strangers:
            assert outcome(evidence, Standing.OTHER, dmarc_failed=False, strangers=strangers) not in (Outcome.JOIN, Outcome.JOIN_CC)


def test_better_standing_is_never_worse() -> None:
    """Who is better known to the item is never treated worse with the same evidence."""
    kindness = [Outcome.NEW_MARKED, Outcome.HOLD, Outcome.JOIN_CC, Outcome.JOIN]
    for evidence in (Evidence.STRONG, Evidence.KNOWN, Evidence.WEAK):
        ranks = [kindness.index(outcome(evidence, standing, dmarc_failed=False, strangers=Strangers.HOLD)) for standing in Standing]
        assert ranks == sorted(ranks, reverse=True)


def test_drawing_shows_every_cell() -> None:
    """The Markdown has a row for each kind of evidence and for each setting, with the exception for failed DMARC."""
    drawn = draw()
    assert drawn.count("**hold** if DMARC failed") == 2
    for row in TABLE.values():
        for cell in row.values():
            assert str(cell) in drawn
    for setting in BY_STRANGERS:
        assert f"| `{setting}` |" in drawn


COUNTS_IN = [
    (Way.SIGNED_ID, E.STRONG, "off mixed only"),
    (Way.SIGNED_ADDRESS, E.STRONG, "off mixed only"),
    (Way.BOUNCE_ADDRESS, E.STRONG, "off mixed only"),
    (Way.OUTDATED, E.KNOWN, "off mixed only"),
    (Way.ID, E.KNOWN, "off mixed only"),
    (Way.PLAIN_ADDRESS, E.WEAK, "off mixed"),
    (Way.SUBJECT, E.WEAK, "off mixed"),
]


@pytest.mark.parametrize(("way", "evidence", "modes"), COUNTS_IN, ids=str)
def test_ways_and_modes(way: Way, evidence: Evidence, modes: str) -> None:
    """B3, B-MT-02: what we signed counts in every mode of plus-addressing; so does the id of a mail that came in (B3.1); *only* takes nothing
    that anybody could make up."""
    assert WAYS[way] == (evidence, frozenset(map(PlusMode, modes.split())))
    counts = ["counts" if mode in modes.split() else "–" for mode in PlusMode]
    assert f"| {way} | **{evidence}** | {' | '.join(counts)} |" in draw()


def test_every_way_has_its_row() -> None:
    """Nothing points to an item without standing in the table."""
    assert set(WAYS) == set(Way) == {way for way, _, _ in COUNTS_IN}


@pytest.mark.parametrize("wanted", PlusMode)
@pytest.mark.parametrize("proved", [False, True])
def test_a_mode_is_in_force_when_it_is_proved(wanted: PlusMode, proved: bool) -> None:
    """A mode that was not shown to work is as *off*: nobody's answer may be lost for it."""
    connector = Connector("c", "support", "support@demo.example", plus_addressing=wanted, plus_proved=proved)
    assert connector.plus_mode is (wanted if proved else PlusMode.OFF)
    assert connector.tags_replies is (proved and wanted is not PlusMode.OFF)
