"""Mails by our own people carried out on a real store: answers, commands, all or nothing, held, refused, filed; and the same as on the page. Both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest

from core.agent_trust import Distrust
from core.decision import Suppression
from core.mail_links import MailLink
from core.mail_undo import asked_of, undone
from core.notifications import What
from core.outbox import OutboxState, Purpose
from core.scene import Scene
from core.verdict import Action, Kind, Verdict
from gateway.agent_mail import Limits
from gateway.keys import Keys
from gateway.store import brakes, items, notifications, outboxes
from gateway.store.schema import inbound
from tests.by_mail.carrying import ANN, BOB, CARL, LEA, ByMail, alike, nothing_of
from tests.desk.conftest import Room
from tests.desk.conftest import room as room  # the fixture
from tests.desk.office import save


@pytest.fixture
def by_mail(room: Room, keys: Keys) -> ByMail:
    return ByMail(room, keys)


def _told(by_mail: ByMail, process: str = "General support", by: str = ANN, **more: Any) -> tuple[str, str]:
    """A ticket that Carl opened, and the notification about his mail."""
    ref = by_mail.room.ticket(process, **more)
    number = ref.split("-")[0]
    return ref, by_mail.tell(ref, by, about=(f"in-{number}",))


def _choose(room: Room, who: str, **choices: Any) -> None:
    users = tuple(replace(one, by_mail=replace(one.by_mail, **choices)) if one.email == who else one for one in room.setup.users)
    save(room, users=users)


# ---------------------------------------------------------------- an answer


def test_an_answer_goes_to_the_customer_from_the_mailbox(by_mail: ByMail) -> None:
    """Agents by mail, 2; decisions.md 14: the customer's thread, the shared mailbox, two minutes to take it back, nothing of the notification; no confirmation."""
    ref, told = _told(by_mail)
    by_mail.answer(told, "Pour water on it.")
    (sent,) = by_mail.out(Purpose.PERSON)
    mail = message_from_bytes(by_mail.raw_of(sent.id))
    assert (sent.author, sent.state, sent.due_at - by_mail.room.clock.now()) == (ANN, OutboxState.QUEUED, timedelta(minutes=2))
    assert mail["To"] == f"Carl Customer <{CARL}>" and "support@demo.example" in mail["From"] and mail["Cc"] is None
    assert mail["In-Reply-To"] == f"<in-{ref.split('-')[0]}@acme.example>"
    assert by_mail.text(sent) == "Pour water on it."
    notice = by_mail.text(by_mail.message(told))
    assert nothing_of(notice, by_mail.raw_of(sent.id).decode()) and "##" not in by_mail.raw_of(sent.id).decode()
    assert by_mail.out(Purpose.CONFIRMATION) == []
    (line,) = by_mail.audit()
    assert (line["outcome"], line["user_key"], line["outbox_id"], line["commands"]) == ("done", ANN, sent.id, [])
    shown = by_mail.room.desk.show(ref, ANN)
    assert (shown["status"], shown["assignee"]) == ("in_progress", ANN)


def test_the_signature_and_the_files_go_with_it(by_mail: ByMail) -> None:
    """Agents by mail, 2: the desk's signature below the words, attachments kept; a copy of the notification and a signature part are left out, and it is said."""
    users = tuple(replace(one, signature="Ann\nSupport") if one.email == ANN else one for one in by_mail.room.setup.users)
    save(by_mail.room, users=users)
    _, told = _told(by_mail)
    files = [("plan.txt", "text/plain", b"the plan"), ("smime.p7s", "application/pkcs7-signature", b"x"), ("told.eml", "application/octet-stream", by_mail.raw_of(told))]
    by_mail.answer(told, "See the plan.\n\n-- \nSent from my desk", files=files)
    (sent,) = by_mail.out(Purpose.PERSON)
    assert by_mail.text(sent) == "See the plan.\n\n-- \nAnn\nSupport"
    assert [one.name for one in outboxes.draft_of(sent)[0].files] == ["plan.txt"]
    mail = message_from_bytes(by_mail.raw_of(sent.id))
    assert [part.get_filename() for part in mail.walk() if part.get_filename()] == ["plan.txt"]
    (said,) = by_mail.out(Purpose.CONFIRMATION)
    assert "told.eml" in by_mail.text(said)


def test_reply_all_reaches_those_in_cc(by_mail: ByMail) -> None:
    """Agents by mail, 2: outsiders in Cc become Cc of the answer; a colleague and an address of ours do not."""
    _, told = _told(by_mail)
    by_mail.answer(told, "Pour water.", cc=f"Gina <gina@globex.example>, {BOB}, help@demo.example, {CARL}")
    (sent,) = by_mail.out(Purpose.PERSON)
    assert sorted((one.role, one.address.key) for one in sent.recipients) == [("cc", "gina@globex.example"), ("to", CARL)]


def test_html_is_kept_and_the_commands_in_it_are_not(by_mail: ByMail) -> None:
    """Agents by mail, 2 and 3: what the agent formatted leaves so, without the line of the command and without the notification."""
    _, told = _told(by_mail)
    notice = outboxes.draft_of(by_mail.message(told))[0].html
    html = f"<div>#take</div><div>Pour <b>water</b> on it.</div><br><blockquote type='cite'>{notice}</blockquote>"
    by_mail.answer(told, "#take\nPour water on it.", html=html)
    (sent,) = by_mail.out(Purpose.PERSON)
    html_sent = outboxes.draft_of(sent)[0].html
    assert "<b>water</b>" in html_sent and "#take" not in html_sent and "##" not in html_sent and "burns" not in html_sent


def test_an_answer_to_a_note_stays_internal(by_mail: ByMail) -> None:
    """Agents by mail, 2: what answers an internal note is a note."""
    ref = by_mail.room.ticket()
    told = by_mail.tell(ref, what=What.NOTE, words="Is that the old printer?")
    by_mail.answer(told, "Yes, it is.")
    assert by_mail.out(Purpose.PERSON) == []
    last = by_mail.timeline(ref)[-1]
    assert (last["kind"], last["by"], last["text"]) == ("note", ANN, "Yes, it is.")


# ---------------------------------------------------------------- the same as on the page

BY_MAIL_AND_PAGE: dict[str, tuple[str, Callable[[Room, str], object]]] = {
    "an answer": ("Pour water.", lambda room, ref: _mail(room, ref)),
    "take": ("#take", lambda room, ref: _do(room, ref, "take")),
    "take, French": ("#prendre", lambda room, ref: _do(room, ref, "take")),
    "assign": ("#assign bob", lambda room, ref: _do(room, ref, "assign", to=BOB)),
    "take and release": ("#release", lambda room, ref: _do(room, ref, "release")),
    "note": ("#note\nAsk the caretaker.", lambda room, ref: room.desk.note(ref, ANN, "Ask the caretaker.")),
    "wait": ("#wait 3d close", lambda room, ref: _do(room, ref, "wait", days=3.0, close_if_no_answer=True)),
    "until": ("#until 2026-12-01 09:00", lambda room, ref: _do(room, ref, "wait", until=room.clock.now().replace(month=12, day=1, hour=8))),
    "resolve with an answer": ("#resolve\nPour water.", lambda room, ref: _mail(room, ref, resolve=True)),
    "answer and wait": ("#wait 3d\nPour water.", lambda room, ref: (_mail(room, ref), _do(room, ref, "wait", days=3.0))),
    "note and resolve": ("#resolve\n#note\nHe found the switch.", lambda room, ref: _do(room, ref, "resolve", note="He found the switch.")),
    "take, answer, resolve": ("#take\n#résoudre\nPour water.", lambda room, ref: (_do(room, ref, "take"), _mail(room, ref, resolve=True))),
}


def _mail(room: Room, ref: str, **more: Any) -> None:
    room.desk.mail(ref, ANN, text="Pour water.", undo=timedelta(minutes=2), **more)


def _do(room: Room, ref: str, verb: str, **more: Any) -> None:
    room.desk.do(ref, verb, ANN, **more)


@pytest.mark.parametrize("case", BY_MAIL_AND_PAGE)
def test_the_timeline_is_that_of_the_page(by_mail: ByMail, case: str) -> None:
    """Agents by mail, it must hold (a): what is done by mail leaves the same lines, status, people and clocks as the same on the page."""
    text, page = BY_MAIL_AND_PAGE[case]
    room = by_mail.room
    ref, told = _told(by_mail)
    if case == "take and release":
        room.desk.do(ref, "take", ANN)
    twin = room.ticket()
    if case == "take and release":
        room.desk.do(twin, "take", ANN)
    page(room, twin)
    by_mail.answer(told, text)
    assert [one["outcome"] for one in by_mail.audit()] == ["done"], by_mail.audit()
    assert alike(by_mail.timeline(ref)).replace(ref, "REF") == alike(by_mail.timeline(twin)).replace(twin, "REF")
    mine, theirs = room.item(ref), room.item(twin)
    for name in ("status", "wait_type", "resolution_method", "reason", "assignee", "owner", "queue", "new_information"):
        assert getattr(mine, name) == getattr(theirs, name), name
    for name in ("answer_within", "wait_until", "feedback_window", "close_if_no_answer"):
        assert getattr(mine.clocks, name) == getattr(theirs.clocks, name), name
    assert bool(mine.clocks.after_mail) == bool(theirs.clocks.after_mail)
    assert (mine.resolution is None) == (theirs.resolution is None)
    by_this_mail = [line for line in by_mail.timeline(ref) if line["by"] == ANN and "by_mail" in line]
    assert by_this_mail, "the lines name the mail that did it"


def test_a_note_and_a_command_to_resolve_need_nothing_more(by_mail: ByMail) -> None:
    """A-TK-16: a note of an earlier mail is the resolution of a later `#resolve`; without one it is refused with the sentence of the page."""
    ref, told = _told(by_mail)
    by_mail.answer(told, "#resolve")
    assert by_mail.room.item(ref).status == "to_do"
    (no,) = by_mail.out(Purpose.REFUSAL)
    assert "needs a resolution" in by_mail.text(no)
    by_mail.answer(told, "#note\nIt was the plug.")
    by_mail.answer(told, "#resolve")
    assert by_mail.room.item(ref).status == "resolved"
    assert [line["text"] for line in by_mail.timeline(ref) if line["resolution"]] == ["It was the plug."]


# ---------------------------------------------------------------- confirmed


def test_a_command_is_confirmed_with_a_way_back(by_mail: ByMail) -> None:
    """Agents by mail, 3: short, in the agent's thread, with a link that takes everything back; the answer to it can only command."""
    ref, told = _told(by_mail)
    by_mail.answer(told, "#resolve\nPour water.")
    (said,) = by_mail.out(Purpose.CONFIRMATION)
    text = by_mail.text(said)
    mail = message_from_bytes(by_mail.raw_of(said.id))
    assert mail["To"] == f"Ann Agent <{ANN}>" and mail["In-Reply-To"] == "<agent-1@demo.example>" and mail["Auto-Submitted"] == "auto-replied"
    assert mail["Subject"].startswith(f"Re: [{ref}]")
    assert CARL in text and "10:02" in text and text.startswith("##-")
    (link,) = by_mail.links("undo")
    assert f"https://desk.demo.example/m/{by_mail.keys.link_token(link.id)}" in text
    assert (link.user_key, link.expires_at - link.made_at) == (ANN, timedelta(days=7))
    by_mail.answer(said.id, "Thanks!")
    assert len(by_mail.out(Purpose.PERSON)) == 1
    (no,) = by_mail.out(Purpose.REFUSAL)
    assert "confirmation" in by_mail.text(no)


def test_what_the_link_holds_takes_everything_back(by_mail: ByMail) -> None:
    """Agents by mail, 3: the undo of `#resolve` with an answer cancels the mail and gives the item back as it was before."""
    ref, told = _told(by_mail)
    before = by_mail.room.item(ref)
    by_mail.answer(told, "#take\n#resolve\nPour water.")
    (link,) = by_mail.links("undo")
    room = by_mail.room
    with room.database.durable() as connection:
        messages = {one: found for one in asked_of(link.body) if (found := outboxes.get(connection, one)) is not None}
        scene = Scene(room.setup.user_of[ANN], room.setup, room.clock.now())
        room.apply(connection, undone(room.item(ref), link.body, messages, scene), room.setup, room.clock.now())
    after = room.item(ref)
    assert (after.status, after.assignee, after.queue, after.resolution) == (before.status, before.assignee, before.queue, None)
    assert [one.state for one in by_mail.out(Purpose.PERSON)] == [OutboxState.CANCELLED]


def test_without_a_wish_for_it_nothing_is_confirmed(by_mail: ByMail) -> None:
    """Agents by mail, 3 (setting): done, and no mail about it."""
    _choose(by_mail.room, ANN, confirm=False)
    ref, told = _told(by_mail)
    by_mail.answer(told, "#take")
    assert by_mail.room.item(ref).assignee == ANN and by_mail.out(Purpose.CONFIRMATION) == []


def test_help_lists_the_commands_in_the_agents_language(by_mail: ByMail) -> None:
    """Agents by mail, 3: `#aide` is answered in French and does nothing."""
    ref, told = _told(by_mail, by=BOB)
    before = by_mail.room.item(ref)
    by_mail.answer(told, "#aide", by=BOB)
    (said,) = by_mail.out(Purpose.CONFIRMATION)
    assert "#résoudre" in by_mail.text(said) and "Écrivez votre réponse" in by_mail.text(said)
    assert by_mail.room.item(ref) == before


# ---------------------------------------------------------------- all or nothing


def test_all_or_nothing(by_mail: ByMail) -> None:
    """Agents by mail, 3: one command that cannot be done, and neither the others nor the answer nor its files are; what was written comes back with the reason."""
    ref, told = _told(by_mail)
    before, lines = by_mail.room.item(ref), len(by_mail.timeline(ref))
    by_mail.answer(told, "#take\n#assign nobody-here\nPour water.", files=[("plan.txt", "text/plain", b"the plan")])
    by_mail.answer(told, "#take\n#frobnicate\nPour water.")
    by_mail.answer(told, "Pour water.", files=[("virus.exe", "application/octet-stream", b"MZ" + bytes(99))])
    assert by_mail.room.item(ref) == before and by_mail.out(Purpose.PERSON) == []
    assert [line["kind"] for line in by_mail.timeline(ref)[lines:]] == ["agent_mail"] * 3
    refusals = [by_mail.text(one) for one in by_mail.out(Purpose.REFUSAL)]
    assert all("Pour water." in one for one in refusals)
    assert "#frobnicate" in refusals[1] and "virus.exe" in refusals[2]
    assert by_mail.room.desk.list_files(ref, ANN) == []
    assert [line["outcome"] for line in by_mail.audit()] == ["refused"] * 3


def test_given_to_somebody_who_is_away(by_mail: ByMail) -> None:
    """Agents by mail, 1 and 3: `#assign` to an absent person is done and, as on the page, the confirmation says so."""
    away = by_mail.room.clock.now() + timedelta(days=3)
    save(by_mail.room, users=tuple(replace(one, absent_until=away) if one.email == BOB else one for one in by_mail.room.setup.users))
    ref, told = _told(by_mail)
    by_mail.answer(told, "#assign bob")
    assert by_mail.room.item(ref).assignee == BOB
    (confirmed,) = by_mail.out(Purpose.CONFIRMATION)
    assert "is absent until" in by_mail.text(confirmed)


def test_what_is_not_known_any_more_stays_internal(by_mail: ByMail) -> None:
    """Where the rows of a notification are forgotten, it may have told of a note: what answers it goes to no customer."""
    ref, told = _told(by_mail)
    with by_mail.room.database.durable() as connection:
        assert notifications.prune(connection, by_mail.room.clock.now() + timedelta(days=1)) == 1
    by_mail.answer(told, "Pour water on it.")
    assert by_mail.out(Purpose.PERSON) == []
    assert "Pour water on it." in [line["text"] for line in by_mail.timeline(ref) if line["kind"] == "note"]


def test_rights_as_on_the_page(by_mail: ByMail) -> None:
    """decisions.md 21: what the agent may not see does not exist for them, and the mail says nothing of it."""
    ref, told = _told(by_mail, "Claim")
    by_mail.answer(told, "#take")
    assert by_mail.room.item(ref).assignee == "" and by_mail.out(Purpose.CONFIRMATION) == []
    (no,) = by_mail.out(Purpose.REFUSAL)
    assert "no such item" in by_mail.text(no)
    forged = by_mail.answer(told, "#take", by="mallory@evil.example", whose=ANN, refused=Distrust.NOT_THEIRS)
    title = by_mail.room.item(ref).title
    for one in by_mail.out(Purpose.REFUSAL):
        assert title and title not in one.subject and ref not in by_mail.text(one) and not one.item_id, forged


# ---------------------------------------------------------------- held


def test_the_customer_wrote_meanwhile(by_mail: ByMail) -> None:
    """Agents by mail, 2; decisions.md 16: the whole mail waits, the agent reads what the customer wrote and is asked; `#send` lets all of it happen."""
    ref, told = _told(by_mail)
    by_mail.room.clock.advance(minutes=5)
    by_mail.room.mail_in(ref, "in-again")
    by_mail.room.clock.advance(minutes=1)
    by_mail.answer(told, "#resolve\nPour water.")
    (waits,) = by_mail.out(Purpose.PERSON)
    assert (waits.state, by_mail.room.item(ref).status) == (OutboxState.HELD, "to_do")
    (asked,) = by_mail.out(Purpose.HELD_REPLY)
    text = by_mail.text(asked)
    assert "Carl Customer wrote" in text and "Pour water." in text and "#send" in text
    (link,) = by_mail.links("send")
    assert f"/m/{by_mail.keys.link_token(link.id)}" in text
    by_mail.room.clock.advance(minutes=1)
    by_mail.answer(asked.id, "#send")
    assert by_mail.message(waits.id).state is OutboxState.QUEUED
    assert by_mail.message(waits.id).due_at == by_mail.room.clock.now() + timedelta(minutes=2)
    assert by_mail.room.item(ref).status == "resolved"
    assert [one["outcome"] for one in by_mail.audit()] == ["held", "done"]
    said = by_mail.text(by_mail.out(Purpose.CONFIRMATION)[-1])
    assert f"{ref} is “resolved” now." in said and "Your answer to" in said and "leaves on" in said, "what letting it go did, and when it leaves"
    assert "Nothing was sent" not in said
    by_mail.answer(asked.id, "#send")
    assert by_mail.audit()[-1]["outcome"] == "refused"


def test_a_colleague_answered_meanwhile_and_it_is_discarded(by_mail: ByMail) -> None:
    """decisions.md 16: held, and `#discard` (in French too) ends it; nothing ever leaves."""
    ref, told = _told(by_mail, by=BOB)
    by_mail.room.clock.advance(minutes=5)
    by_mail.room.desk.mail(ref, ANN, text="I do it.")
    by_mail.answer(told, "Versez de l'eau.", by=BOB)
    (asked,) = by_mail.out(Purpose.HELD_REPLY)
    assert "Ann Agent a répondu" in by_mail.text(asked) and "#envoyer" in by_mail.text(asked)
    by_mail.answer(asked.id, "#jeter", by=BOB)
    assert sorted(str(one.state) for one in by_mail.out(Purpose.PERSON)) == ["cancelled", "queued"]
    by_mail.answer(asked.id, "#envoyer", by=BOB)
    assert "a été annulé et n’est jamais parti" in by_mail.text(by_mail.out(Purpose.REFUSAL)[-1]), "too late for anything else, in his language"


def test_other_words_go_instead_of_what_was_held(by_mail: ByMail) -> None:
    """A new answer to the mail that asks leaves, and the held one never does."""
    ref, told = _told(by_mail)
    by_mail.room.clock.advance(minutes=5)
    by_mail.room.mail_in(ref, "in-again")
    by_mail.answer(told, "Pour water.")
    (asked,) = by_mail.out(Purpose.HELD_REPLY)
    by_mail.room.clock.advance(minutes=1)
    by_mail.answer(asked.id, "Never mind the water.")
    assert [(by_mail.text(one), str(one.state)) for one in by_mail.out(Purpose.PERSON)] == [("Pour water.", "cancelled"), ("Never mind the water.", "queued")]


def test_the_link_lets_it_go_as_the_answer_does(by_mail: ByMail) -> None:
    """What the page behind the link asks for besides letting it go: the item taken, the wait that was wanted."""
    ref, told = _told(by_mail)
    by_mail.room.clock.advance(minutes=5)
    by_mail.room.mail_in(ref, "in-again")
    by_mail.answer(told, "#wait 3d\nPour water.")
    (row,) = by_mail.links("send")
    room = by_mail.room
    waits = by_mail.message(row.body["outbox_id"])
    link = MailLink(row.id, row.user_key, row.deed, row.made_at, row.expires_at, row.item_id, row.body)
    with room.database.durable() as connection:
        outboxes.act(connection, waits.id, outboxes.OutboxEvent.RELEASE, room.clock.now(), ANN)
        scene = Scene(room.setup.user_of[ANN], room.setup, room.clock.now())
        room.apply(connection, by_mail.mails.released(connection, link, waits, scene), room.setup, room.clock.now())
    item = room.item(ref)
    assert (item.status, item.owner, item.clocks.answer_within, item.clocks.after_mail) == ("wait", ANN, timedelta(days=3), waits.id)


def test_what_is_left_of_the_notification_is_held(by_mail: ByMail) -> None:
    """Agents by mail, 2: a mark that survives the cut keeps the answer back until the agent has read it."""
    _, told = _told(by_mail)
    by_mail.answer(told, "Pour water. ##- Write your answer\nabove this line -## It burns.")
    waits = by_mail.out(Purpose.PERSON)
    assert [one.state for one in waits] in ([], [OutboxState.HELD])
    assert len(by_mail.out(Purpose.HELD_REPLY)) == len(waits)


# ---------------------------------------------------------------- refused


def test_a_stolen_address_says_facts_only(by_mail: ByMail) -> None:
    """Agents by mail, 4; attacks: nothing is executed; the registered address is told when it came and from where, without a word of the attacker's."""
    ref, told = _told(by_mail)
    before = by_mail.room.item(ref)
    by_mail.answer(told, "#resolve\nClick https://evil.example now.", by="mallory@evil.example", whose=ANN, refused=Distrust.NOT_THEIRS)
    assert by_mail.room.item(ref) == before and by_mail.out(Purpose.PERSON) == []
    (no,) = by_mail.out(Purpose.REFUSAL)
    text = by_mail.text(no)
    assert [one.address.key for one in no.recipients] == [ANN]
    assert "mallory@evil.example" in text and "evil.example now" not in text and "Click" not in text
    mail = message_from_bytes(by_mail.raw_of(no.id))
    assert mail["In-Reply-To"] is None
    line = by_mail.timeline(ref)[-1]
    assert (line["kind"], line["by"], line["system"]) == ("agent_mail", "", True) and "Click" not in line["text"]
    (audited,) = by_mail.audit()
    assert (audited["outcome"], audited["reason"], audited["from_key"]) == ("refused", "not_theirs", "mallory@evil.example")


def test_refusals_do_not_fill_a_mailbox(by_mail: ByMail) -> None:
    """Agents by mail, 4: no more than so many answers an hour; the audit list has them all."""
    by_mail.limits = Limits(refusals_per_hour=2, mails_per_hour=3)
    ref, told = _told(by_mail)
    for _ in range(5):
        by_mail.answer(told, "#take", by="mallory@evil.example", whose=ANN, refused=Distrust.NOT_THEIRS)
    assert len(by_mail.out(Purpose.REFUSAL)) == 2 and len(by_mail.audit()) == 5
    assert sum(line["kind"] == "agent_mail" for line in by_mail.timeline(ref)) == 3


def test_forgeries_use_up_no_answer_of_theirs(by_mail: ByMail) -> None:
    """Agents by mail, 4: whoever has the address sends a hundred mails; what the agent's own next mail could not do, they are told all the same."""
    by_mail.limits = Limits(refusals_per_hour=2)
    _, told = _told(by_mail)
    for _ in range(4):
        by_mail.answer(told, "#take", by="mallory@evil.example", whose=ANN, refused=Distrust.NOT_THEIRS)
    for _ in range(3):
        by_mail.answer(told, "#frobnicate")
    by_mail.answer(told, "#take", by="mallory@evil.example", whose=ANN, refused=Distrust.NOT_THEIRS)
    refusals = [by_mail.text(one) for one in by_mail.out(Purpose.REFUSAL)]
    assert len(refusals) == 4 and sum("frobnicate" in one for one in refusals) == 2 and len(by_mail.audit()) == 8


def test_an_automatic_answer_is_written_down_and_answered_by_nobody(by_mail: ByMail) -> None:
    """Attacks: no loop; neither a line on the item nor a mail."""
    ref, told = _told(by_mail)
    lines = by_mail.timeline(ref)
    by_mail.answer(told, "I am on holiday.", refused=Distrust.AUTOMATIC)
    verdict = Verdict("", Action.AGENT, "", item_id=by_mail.room.item(ref).id, agent=ANN, answers=told, refused=Distrust.NOT_PROVED)
    by_mail.take(by_mail.raw(told, "I am on holiday."), verdict, kind=Kind.OUT_OF_OFFICE)
    assert by_mail.timeline(ref) == lines and by_mail.out(Purpose.REFUSAL) == []
    assert [one["outcome"] for one in by_mail.audit()] == ["ignored", "ignored"]


def test_too_many_in_an_hour(by_mail: ByMail) -> None:
    """Agents by mail, 4: rate-limited; the next one is refused with what to do, and the hour after it goes on."""
    by_mail.limits = Limits(mails_per_hour=2)
    ref, told = _told(by_mail)
    for text in ("#note\none", "#note\ntwo", "#note\nthree"):
        by_mail.answer(told, text)
    assert [one["outcome"] for one in by_mail.audit()] == ["done", "done", "refused"]
    by_mail.room.clock.advance(hours=1, seconds=1)
    by_mail.answer(told, "#note\nfour")
    assert [line["text"] for line in by_mail.timeline(ref) if line["kind"] == "note"] == ["one", "two", "four"]


def test_the_same_mail_is_carried_out_once(by_mail: ByMail) -> None:
    """Attacks, replay: another mail with the same fingerprint is refused; this one, read again by hand, does nothing twice."""
    ref, told = _told(by_mail)
    raw = by_mail.raw(told, "#note\nonce")
    verdict = Verdict("", Action.AGENT, "", item_id=by_mail.room.item(ref).id, agent=ANN, answers=told, fingerprint="f" * 64)
    first = by_mail.take(raw, verdict)
    by_mail.take(raw, verdict, inbound_id=first)
    by_mail.take(raw, verdict)
    assert [line["text"] for line in by_mail.timeline(ref) if line["kind"] == "note"] == ["once"]
    assert [(one["outcome"], one["reason"]) for one in by_mail.audit()] == [("done", ""), ("ignored", "copy"), ("refused", "replayed")]


def test_nobody_is_written_to_who_left_or_whose_address_is_dead(by_mail: ByMail) -> None:
    """Agents by mail, 1 and 4: a user who left gets no answer, and neither does an address that bounces; the audit list has both."""
    _, told = _told(by_mail)
    room = by_mail.room
    with room.database.durable() as connection:
        brakes.suppress(connection, Suppression(ANN, room.clock.now() + timedelta(days=60), "550"))
    by_mail.answer(told, "#take")
    users = tuple(replace(one, active=False) if one.email == ANN else one for one in room.setup.users)
    save(room, users=users)
    by_mail.answer(told, "#take", refused=Distrust.LEFT)
    assert by_mail.out(Purpose.CONFIRMATION) == [] and by_mail.out(Purpose.REFUSAL) == []
    assert [one["outcome"] for one in by_mail.audit()] == ["done", "refused"]


def test_a_customers_words_in_a_title_command_nothing(by_mail: ByMail) -> None:
    """Attacks: a customer whose subject is a command; the agent's plain answer has it in its subject and carries nothing out."""
    ref, told = _told(by_mail, title="#resolve #assign bob")
    by_mail.answer(told, "Pour water.")
    assert (by_mail.room.item(ref).status, by_mail.room.item(ref).assignee) == ("in_progress", ANN)
    assert by_mail.audit()[0]["commands"] == []


# ---------------------------------------------------------------- filed


def _filed(by_mail: ByMail, ref: str, *, refused: str = "", text: str = "I sent it to all of you.") -> str:
    raw = (
        f"From: Ann Agent <{ANN}>\nTo: {CARL}\nCc: support@demo.example, Gina <gina@globex.example>, {BOB}\nSubject: Re: [{ref}] Printer on fire\n"
        f"Message-ID: <own-{by_mail.room.clock.new_id()}@demo.example>\nIn-Reply-To: <in-{ref.split('-')[0]}@acme.example>\n\n{text}\n"
    ).encode()
    verdict = Verdict("support@demo.example", Action.FILE, "test", item_id=by_mail.room.item(ref).id, agent=ANN, refused=refused)
    return by_mail.take(raw, verdict)


def test_a_mail_to_everybody_is_filed_as_ours(by_mail: ByMail) -> None:
    """Agents by mail, 2, last sentence: on the timeline by the agent, answers to it find the item, nothing is sent, nothing wakes, colleagues are not tied."""
    ref = by_mail.room.ticket()
    before = by_mail.room.item(ref)
    inbound_id = _filed(by_mail, ref)
    line = by_mail.timeline(ref)[-1]
    assert (line["kind"], line["by"], line["text"], line["inbound_id"]) == ("mail_out", ANN, "I sent it to all of you.", inbound_id)
    assert line["to"] == [CARL]
    assert by_mail.room.item(ref) == before
    with by_mail.room.database.read() as connection:
        tied = items.participants_of(connection, (before.id,))[before.id]
        message_id = connection.execute(inbound.select().where(inbound.c.id == inbound_id)).one().message_id
    assert {CARL, "gina@globex.example"} <= tied and BOB not in tied
    assert by_mail.known(message_id) == [before.id]
    assert by_mail.out(Purpose.PERSON) == [] and by_mail.audit()[-1]["outcome"] == "filed"


def test_a_filed_mail_is_an_answer(by_mail: ByMail) -> None:
    """decisions.md 16 and A-TK-16: it holds up what a colleague answers by mail, warns a mail that waits, and may be the resolution, which is marked."""
    ref, told = _told(by_mail, by=BOB)
    waits = by_mail.room.desk.mail(ref, BOB, text="Attendez.", undo=timedelta(minutes=2))
    by_mail.room.clock.advance(minutes=1)
    _filed(by_mail, ref)
    assert [line["outbox_id"] for line in by_mail.timeline(ref) if line["kind"] == "attention"] == [waits["id"]]
    by_mail.room.clock.advance(minutes=1)
    by_mail.answer(told, "Versez de l'eau.", by=BOB)
    assert by_mail.audit()[-1]["outcome"] == "held"
    by_mail.room.desk.do(ref, "resolve", ANN)
    assert [line["kind"] for line in by_mail.timeline(ref) if line["resolution"]] == ["mail_out"]


def test_commands_beside_an_answer_are_told_of(by_mail: ByMail) -> None:
    """Agents by mail, 4: filed, nothing carried out, and the agent learns how it is done; read again by hand it is filed once."""
    ref = by_mail.room.ticket()
    inbound_id = _filed(by_mail, ref, refused=Distrust.NOT_AN_ANSWER, text="#resolve\nDone.")
    assert by_mail.room.item(ref).status == "to_do"
    (no,) = by_mail.out(Purpose.REFUSAL)
    assert "answer to a notification" in by_mail.text(no)
    assert [one["outcome"] for one in by_mail.audit()] == ["filed", "refused"]
    with by_mail.room.database.read() as connection:
        raw = outboxes.raw(connection, inbound_id)
    verdict = Verdict("", Action.FILE, "", item_id=by_mail.room.item(ref).id, agent=ANN)
    by_mail.take(raw, verdict, inbound_id=inbound_id)
    assert sum(line["kind"] == "mail_out" for line in by_mail.timeline(ref)) == 1


def test_commands_of_others_are_only_written_down(by_mail: ByMail) -> None:
    """Attacks, a command in a customer's mail: a line of the audit list with what stood there, once; no mail, and nothing of the item changes."""
    ref, _ = _told(by_mail)
    before = by_mail.room.item(ref)
    verdict = Verdict("support@demo.example", Action.JOIN, "test", item_id=before.id, refused=Distrust.NOT_OURS)
    raw = f"From: {CARL}\r\nSubject: Hello\r\nMessage-ID: <c@x>\r\n\r\n#resolve\r\n#take\r\nNow.".encode()
    mail = by_mail.take(raw, verdict)
    by_mail.take(raw, verdict, inbound_id=mail)
    (line,) = by_mail.audit()
    assert (line["outcome"], line["reason"], line["from_key"], line["commands"]) == ("ignored", "not_ours", CARL, ["#resolve", "#take"])
    assert by_mail.room.item(ref) == before and by_mail.out(Purpose.REFUSAL) == []


def test_leaders_and_administrators_act_on_what_they_see(by_mail: ByMail) -> None:
    """decisions.md 21: a leader hands over what an agent has; the choices of undo are their own (0 leaves at once)."""
    _choose(by_mail.room, LEA, undo=timedelta(0))
    ref, told = _told(by_mail, by=LEA)
    by_mail.answer(told, "#attribuer bob\nBob s'en occupe.", by=LEA)
    assert by_mail.room.item(ref).assignee == BOB
    (sent,) = by_mail.out(Purpose.PERSON)
    assert sent.due_at == by_mail.room.clock.now()
