"""What people do with mails in the outbox: retry, mark as sent, edit, ask before the send, many at once, who may; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from core.outbox import OUTBOX, OutboxEvent
from core.outbox import OutboxState as S
from core.refusal import NotFound, Refused
from core.transitions import IllegalTransition
from gateway.desk_outbox import DEEDS
from gateway.store import sent_copies
from gateway.store.schema import outbox_recipient, sent_copy
from tests.desk.conftest import CARL, Room
from tests.desk.office import ANN, BOB, LATER, LEA, ROOT, XAVER, put, rows, save, switch, with_another_team


@pytest.fixture
def room(room: Room) -> Room:
    """With somebody of another team."""
    return with_another_team(room)


def waiting(room: Room, by: str = ANN, ref: str = "", **more: Any) -> str:
    return str(room.desk.mail(ref or room.ticket(), by, text="x", send_at=room.clock.now() + LATER, **more)["id"])


def history(room: Room, outbox_id: str) -> list[tuple[str, str, str]]:
    return [(one["became"], one["by"], one["reason"]) for one in room.desk.show_outbox(outbox_id, ROOT)["history"]]


# ---------------------------------------------------------------- retry


@pytest.mark.parametrize("state", [S.FAILED, S.UNKNOWN, S.BOUNCED, S.PENDING_RETRY])
def test_a_retry_by_hand(room: Room, state: S) -> None:
    """A-OB-13, A-OB-23, C-OB-02, E-23, E-25: due now as *Pending retry* with one try more; the attempts made are counted on; the history names the person."""
    mail = waiting(room)
    put(room, mail, state=state.value, attempts=6, tries_left=0, due_at=room.clock.now() + LATER)
    again = room.desk.retry_mail(mail, ANN)
    assert (again["state"], again["next_attempt_at"], again["attempts"]) == ("pending_retry", "2026-03-02T09:00:00Z", 6)
    assert room.desk.show_outbox(mail, ANN)["tries_left"] == 1
    assert history(room, mail)[-1] == ("pending_retry", ANN, "retry")


def test_a_retry_while_the_connector_is_disabled(room: Room) -> None:
    """E-23, A-OB-24: allowed; the mail leaves at once when the connector is enabled, whether it was tried before or waited for its time."""
    fresh, tried = waiting(room), waiting(room)
    put(room, tried, state="pending_retry", attempts=2)
    with pytest.raises(IllegalTransition, match="not been sent yet"):
        room.desk.retry_mail(fresh, ANN)
    switch(room, enabled=False)
    for mail in (fresh, tried):
        again = room.desk.retry_mail(mail, ANN)
        assert again["due_at"] == "2026-03-02T09:00:00Z"
        assert room.desk.show_outbox(mail, ANN)["status"] == "connector_disabled"
    switch(room, enabled=True)
    assert [row["status"] for row in room.desk.outbox_page(ANN)["rows"]] == ["pending_retry"] * 2


def test_a_failed_mail_that_is_cancelled(room: Room) -> None:
    """A-OB-15, A-CM-02: it leaves the Outbox and stays on the timeline as cancelled, with who and when."""
    ref = room.ticket()
    mail = waiting(room, ref=ref)
    put(room, mail, state="failed")
    room.desk.cancel_mail(mail, LEA, reason="wrong customer")
    assert rows(room, ANN) == []
    lines = room.desk.show(ref, ANN)["timeline"]
    assert [(line["by"], line["text"], line["at"]) for line in lines if line["kind"] == "delivery"] == [(LEA, "Mail cancelled.", "2026-03-02T09:00:00Z")]
    assert [line["state"] for line in lines if line["kind"] == "mail_out"] == ["cancelled"]
    assert history(room, mail)[-1] == ("cancelled", LEA, "cancel: wrong customer")


# ---------------------------------------------------------------- mark as sent


def test_a_mail_is_marked_as_sent(room: Room) -> None:
    """decisions.md 18: the person knows that it arrived: sent, its recipients too; the item's mark goes, the timeline says who."""
    ref = room.ticket()
    sent = room.desk.mail(ref, ANN, text="Solved.", resolve=True)["id"]
    put(room, sent, state="unknown", attempts=1)
    with room.database.durable() as connection:
        connection.execute(update(outbox_recipient).values(outcome="unknown"))
    room.clock.advance(hours=1)
    done = room.desk.mark_mail_sent(sent, LEA, reason="the customer phoned")
    assert (done["state"], done["sent_at"], done["recipients"][0]["outcome"]) == ("sent", "2026-03-02T10:00:00Z", "accepted")
    item = room.item(ref)
    assert (item.status, item.clocks.after_mail, item.clocks.feedback_until) == ("resolved", "", room.clock.now() + timedelta(days=5)), "decisions.md 1"
    assert history(room, sent)[-1] == ("sent", LEA, "accepted: the customer phoned")
    told = [(line["by"], line["text"]) for line in room.desk.show(ref, ANN)["timeline"] if line["kind"] == "delivery"]
    assert (LEA, "Mail: marked as sent.") in told


@pytest.mark.parametrize(("outcome", "copies"), [("unknown", 1), ("accepted", 0)])
def test_a_mail_known_to_have_arrived_is_copied_into_sent(room: Room, outcome: str, copies: int) -> None:
    """decisions.md 18: where copies go into the folder Sent, that of a mail marked as sent is due as well, unless it was when somebody else had got it."""
    box = {"incoming": {"kind": "imap"}, "outgoing": {"kind": "smtp", "host": "x", "sent_folder": "Sent"}}
    save(room, connectors=tuple(replace(one, **box) if one.name == "support" else one for one in room.setup.connectors))
    sent = room.desk.mail(room.ticket(), ANN, text="x", to=["carl@acme.example", "dora@acme.example"])["id"]
    put(room, sent, state="unknown", attempts=1)
    with room.database.durable() as connection:
        connection.execute(update(outbox_recipient).where(outbox_recipient.c.address_key == "carl@acme.example").values(outcome=outcome))
        connection.execute(update(outbox_recipient).where(outbox_recipient.c.address_key != "carl@acme.example").values(outcome="unknown"))
    room.desk.mark_mail_sent(sent, ANN)
    with room.database.durable() as connection:
        assert (sent_copies.of(connection, sent) is not None) == bool(copies)
        connection.execute(update(sent_copy).values(given_up_at=room.clock.now()))
    assert room.desk.copy_again("support", ROOT) == {"name": "support", "copies": copies}
    assert room.desk.copy_again("support", ROOT)["copies"] == 0
    for name, who in (("support", ANN), ("claims", ROOT)):
        with pytest.raises(Refused):
            room.desk.copy_again(name, who)


@pytest.mark.parametrize("state", [state for state in S if state is not S.UNKNOWN])
def test_only_an_unknown_outcome_is_marked_as_sent(room: Room, state: S) -> None:
    """Every other state is refused with a sentence, also one that is being sent, whose answer decides."""
    mail = waiting(room)
    room.set_mail(mail, state)
    with pytest.raises(IllegalTransition, match="Only a mail whose outcome is not known"):
        room.desk.mark_mail_sent(mail, ANN)
    assert room.desk.show_outbox(mail, ANN)["state"] == state


# ---------------------------------------------------------------- edit


def test_recipients_and_html_are_edited(room: Room) -> None:
    """E-27: To, Cc and Bcc each as given, the others stay; whoever is added takes part in the item; the mail keeps its Message-ID."""
    ref = room.ticket()
    before = room.desk.mail(ref, ANN, text="x", cc=["c@acme.example"], to=[CARL], send_at=room.clock.now() + LATER)
    changed = room.desk.edit_mail(before["id"], ANN, to=["Zoe <zoe@globex.example>"], bcc=["b@acme.example"], html="<p>y</p>", subject="S")
    assert (changed["to"], changed["cc"], changed["message_id"]) == (["Zoe <zoe@globex.example>"], ["c@acme.example"], before["message_id"])
    shown = room.desk.show_outbox(before["id"], ANN)
    assert (shown["bcc"], shown["text"]) == (["b@acme.example"], "y"), "new HTML is the new text too"
    from gateway.store import items

    with room.database.read() as connection:
        people = items.participants_of(connection, [room.item(ref).id])[room.item(ref).id]
    assert "zoe@globex.example" in people and "b@acme.example" not in people


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"text": " "}, "no text"),
    ({"to": [], "cc": [], "bcc": []}, "to nobody"),
    ({"to": ["nobody"]}, "is not an e-mail address"),
    ({"to": ["a@x.example\r\nBcc: b@x.example"]}, "is not an e-mail address"),
    ({"cc": [f"a{n}@x.example" for n in range(101)]}, "at most 100"),
]


@pytest.mark.parametrize(("changes", "sentence"), WRONG)
def test_an_edit_that_cannot_be(room: Room, changes: dict[str, Any], sentence: str) -> None:
    """Refused with a sentence, and nothing is changed; so is a time that is past."""
    mail = waiting(room)
    before = room.desk.show_outbox(mail, ANN)
    with pytest.raises(Refused, match=sentence):
        room.desk.edit_mail(mail, ANN, **changes)
    with pytest.raises(Refused, match="past"):
        room.desk.edit_mail(mail, ANN, send_at=room.clock.now())
    assert room.desk.show_outbox(mail, ANN) == before


def test_changes_from_the_outside(room: Room) -> None:
    """What cannot be changed is a sentence; what the desk itself puts among the changes cannot be forged there."""
    mail = waiting(room)
    for name in ("state", "author", "given\r\n"):
        with pytest.raises(Refused, match="nothing that can be changed"):
            room.desk.do_with_mail("edit", mail, ANN, changes={name: "x"})
    for forged in ("x", [], ({}, []), {"found": {}}):
        changed = room.desk.do_with_mail("edit", mail, ANN, changes={"given": forged, "files": ["x"], "subject": "S"})
        assert (changed["subject"], changed["attachment_count"]) == ("S", 0)


# ---------------------------------------------------------------- asked before the send


def test_the_person_is_asked_before_an_overtaken_mail_leaves(room: Room) -> None:
    """decisions.md 16: list and show warn; send now and release refuse once with the warning, and send when the person says so."""
    ref = room.ticket()
    mail = waiting(room, ref=ref)
    colleague = room.desk.mail(ref, BOB, text="Here you are.")["id"]
    warning = f"{BOB} answered while the mail"
    assert warning in room.desk.outbox_page(ANN)["rows"][0]["warnings"][0]
    assert warning in room.desk.show_outbox(mail, ANN)["warnings"][0]
    assert warning in room.desk.edit_mail(mail, ANN, text="y")["warnings"][0]
    with pytest.raises(Refused, match=warning):
        room.desk.send_mail_now(mail, ANN)
    room.desk.hold_mail(mail, ANN)
    with pytest.raises(Refused, match=warning):
        room.desk.release_mail(mail, ANN)
    assert room.desk.show_outbox(mail, ANN)["state"] == "held"
    room.desk.release_mail(mail, ANN, anyway=True)
    assert room.desk.send_mail_now(mail, ANN, anyway=True)["due_at"] == "2026-03-02T09:00:00Z"
    assert room.desk.send_mail_now(colleague, BOB)["id"] == colleague, "the later mail was not overtaken"
    room.desk.cancel_mail(mail, ANN)


def test_what_cancels_itself_is_set_free_by_send_now(room: Room) -> None:
    """A-OB-02, A-US-04, C-SC-01: a scheduled mail is sent at once from anywhere; it does not cancel itself any more."""
    mail = waiting(room, cancel_if_answered=True)
    now = room.desk.send_mail_now(mail, ANN)
    assert (now["due_at"], now["cancel_if_answered"]) == ("2026-03-02T09:00:00Z", False)
    assert room.woken == ["outbox"]


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("deed", DEEDS)
def test_who_may_do_it_with_an_automatic_mail(room: Room, deed: str) -> None:
    """E-33: of a mail without an author whoever has the item and administrators; a colleague who sees it is refused, a stranger does not know of it."""
    ref = room.ticket()
    room.desk.do(ref, "take", ANN)
    changes = {"subject": "S"} if deed == "edit" else None
    for who, may in ((ANN, True), (ROOT, True), (BOB, False), (XAVER, False)):
        mail = waiting(room, ROOT, ref)
        put(room, mail, author="", system_generated=True, purpose="acknowledgement", state=_before(deed))
        if may:
            assert room.desk.do_with_mail(deed, mail, who, changes=changes)["id"] == mail
            assert history(room, mail)[-1][1] == who
        else:
            with pytest.raises(NotFound if who == XAVER else Refused):
                room.desk.do_with_mail(deed, mail, who, changes=changes)
            assert room.desk.show_outbox(mail, ROOT)["state"] == _before(deed)


def _before(deed: str) -> str:
    """A state in which the deed is possible."""
    return {"send-now": "queued", "retry": "failed", "release": "held", "mark-sent": "unknown"}.get(deed, "queued")


POSSIBLE: list[tuple[S, int, str]] = [
    (S.QUEUED, 0, "send-now cancel hold edit"),
    (S.HELD, 0, "cancel release edit"),
    (S.SENDING, 1, ""),
    (S.PENDING_RETRY, 1, "send-now retry cancel hold"),
    (S.FAILED, 6, "retry cancel"),
    (S.UNKNOWN, 1, "retry cancel mark-sent"),
    (S.BOUNCED, 1, "retry cancel"),
    (S.SENT, 1, ""),
    (S.CANCELLED, 0, ""),
]


@pytest.mark.parametrize(("state", "attempts", "deeds"), POSSIBLE)
def test_a_mail_says_what_may_be_done_with_it(room: Room, state: S, attempts: int, deeds: str) -> None:
    """A-OB-14, A-OB-18, A-US-03, A-US-04: from the line of the timeline one comes to the mail, which offers exactly what is possible now, to those who may."""
    ref = room.ticket()
    mail = waiting(room, ref=ref)
    put(room, mail, state=state.value, attempts=attempts)
    (line,) = [line for line in room.desk.show(ref, ANN)["timeline"] if line["kind"] == "mail_out"]
    assert (line["outbox_id"], line["state"]) == (mail, state)
    shown = room.desk.show_outbox(line["outbox_id"], ANN)
    assert shown["possible"] == deeds.split()
    assert room.desk.show_outbox(mail, BOB)["possible"] == []
    for deed in shown["possible"]:
        assert room.desk.do_with_mail(deed, mail, ANN, dry_run=True, changes={"subject": "S"} if deed == "edit" else None)["id"] == mail


# ---------------------------------------------------------------- many


def test_many_at_once(room: Room) -> None:
    """A-OB-16: by ids, each in its own transaction, in the order given, each once; a refusal of one says why and does not keep the others from being done."""
    good, sent, foreign = waiting(room), waiting(room), waiting(room, BOB, room.ticket("Claim"))
    room.set_mail(sent, S.SENT)
    results = list(room.desk.do_with_mails("cancel", ANN, ids=[sent, foreign, "nothing", good, good], reason="no more"))
    assert [(one["id"], one["done"]) for one in results] == [(sent, False), (foreign, False), ("nothing", False), (good, True)]
    assert [one["because"].partition(" ")[0] for one in results[:3]] == ["Too", "There", "There"]
    assert history(room, good)[-1] == ("cancelled", ANN, "cancel: no more")
    assert room.desk.show_outbox(foreign, BOB)["state"] == "queued"


def test_many_by_a_filter(room: Room) -> None:
    """A-OB-16, E-33: a filter of a view touches what is in the view, in sight and may have the deed; nothing else, not even by a refusal."""
    mine, other = [waiting(room) for _ in range(3)], waiting(room, BOB, room.ticket("Claim"))
    for one in (mine[0], other):
        room.set_mail(one, S.FAILED)
    dry = list(room.desk.do_with_mails("retry", ANN, view="team", dry_run=True))
    assert [(one["id"], one["state"], one["would_be"], one["done"]) for one in dry] == [(mine[0], "failed", "pending_retry", False)]
    assert room.desk.show_outbox(mine[0], ANN)["state"] == "failed"
    assert [one["id"] for one in room.desk.do_with_mails("retry", ANN, view="team")] == [mine[0]]
    assert room.desk.show_outbox(other, BOB)["state"] == "failed"
    assert {one["id"] for one in room.desk.do_with_mails("hold", ANN, view="mine", states=["queued"], connector="support")} == set(mine[1:])
    assert {one["id"] for one in room.desk.do_with_mails("release", ANN, view="mine")} == set(mine[1:])
    assert [one["id"] for one in room.desk.do_with_mails("retry", LEA, view="team", author=BOB)] == [other]


def test_the_leader_retries_the_teams_mails_but_not_those_only_seen(room: Room) -> None:
    """E-33: in a view may stand mails that one sees and may not touch; they are refused one by one."""
    case = room.ticket("Claim")
    theirs = waiting(room, XAVER, case)
    own = waiting(room, BOB, case)
    for one in (theirs, own):
        room.set_mail(one, S.FAILED)
    results = {one["id"]: one for one in room.desk.do_with_mails("retry", BOB, view="all")}
    assert results[own]["done"] and not results[theirs]["done"] and "Only the author" in results[theirs]["because"]
    assert room.desk.show_outbox(theirs, ROOT)["state"] == "failed"


@pytest.mark.parametrize("deed", DEEDS)
def test_a_dry_run_tells_what_the_deed_would_do(room: Room, deed: str) -> None:
    """In every state: the dry run foresees the new state or the refusal, and changes nothing."""
    ref = room.ticket()
    changes = {"text": "y"} if deed == "edit" else None
    for state in S:
        mail = waiting(room, ref=ref)
        room.set_mail(mail, state)
        before = history(room, mail)
        try:
            foreseen = room.desk.do_with_mail(deed, mail, ANN, dry_run=True, changes=changes, anyway=True)["would_be"]
        except IllegalTransition as refused:
            foreseen = str(refused)
        assert (room.desk.show_outbox(mail, ANN)["state"], history(room, mail)) == (state, before)
        try:
            became = room.desk.do_with_mail(deed, mail, ANN, changes=changes, anyway=True)["state"]
        except IllegalTransition as refused:
            became = str(refused)
        assert foreseen == became
        assert became in set(S) or became.endswith(".")


def test_an_unknown_deed_or_filter(room: Room) -> None:
    """Refused before anything is done."""
    for wrong in ({"deed": "burn"}, {"deed": "cancel", "view": "theirs"}, {"deed": "cancel", "states": ["lost"]}):
        with pytest.raises(Refused):
            room.desk.do_with_mails(**{"by": ROOT, **wrong})  # type: ignore[arg-type]


def test_every_event_a_person_may_cause_is_a_deed() -> None:
    """The table of the deeds names each event of the outbox that a person causes, and each is possible somewhere."""
    events = {deed.event for deed in DEEDS.values()}
    assert {OutboxEvent.CANCEL, OutboxEvent.HOLD, OutboxEvent.RELEASE, OutboxEvent.SEND_NOW, OutboxEvent.EDIT, OutboxEvent.RETRY} <= events
    assert all(any(event in row for row in OUTBOX.values()) for event in events)
