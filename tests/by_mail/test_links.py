"""What links in mails to our people do: once, for one person, with the rights they have then; opening one does nothing. On both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.by_mail import ByMail as Choices
from core.by_mail import Occasion
from core.decision import Decision
from core.mail_links import LinkDeed, MailLink, url
from core.mail_undo import snapshot
from core.outbox import OutboxState, Purpose
from core.refusal import Refused
from core.setup import Setup
from gateway.clock import FakeClock
from gateway.desk_links import LinkDesk
from gateway.keys import Keys
from gateway.link_page import Page
from gateway.scheduler import LINKS_KEPT
from gateway.store import agent_mails, mail_links, outboxes
from gateway.store.engine import Database
from gateway.store.schema import metadata
from tests.by_mail.carrying import ByMail
from tests.desk.conftest import Room
from tests.desk.conftest import room as room  # the fixture
from tests.desk.office import ANN, BOB, ROOT, save

OPENED_BY_SCANNERS = 3


@dataclass
class Links:
    """Links on the example desk, and the desk that does what they say."""

    room: Room
    keys: Keys
    wanted: list[str] = field(default_factory=list)

    @property
    def desk(self) -> LinkDesk:
        return LinkDesk(
            self.room.database, self.room.setups, self.room.clock, self.room.apply, self.keys,
            wake_outbox=lambda: self.room.woken.append("outbox"), released=self._released,
        )  # fmt: skip

    def _released(self, connection: Any, link: MailLink, message: Any, scene: Any) -> Decision:
        if link.body.get("refused"):
            raise Refused("No.")
        self.wanted.append(message.id)
        return Decision()

    def token(self, deed: LinkDeed, ref: str = "", by: str = ANN, *, days: float = 7, **body: Any) -> str:
        """A fresh link, as a mail would have it."""
        now = self.room.clock.now()
        item_id = self.room.item(ref).id if ref else ""
        link = MailLink(self.room.clock.new_id(), by, deed, now, now + timedelta(days=days), item_id, body)
        with self.room.database.durable() as connection:
            mail_links.add(connection, (link,))
        return self.keys.link_token(link.id)

    def undo_of(self, ref: str, deed: Callable[[], Any], by: str = ANN) -> str:
        """A link that takes back what `deed` does, which may be a mail."""
        was = self.room.item(ref)
        made = deed()
        left = replace(self.room.item(ref), version=was.version)
        mails = [made["id"]] if isinstance(made, dict) and "state" in made else []
        return self.token(LinkDeed.UNDO, ref, by, **snapshot(was, left, mails, "answered, took it"))

    def everything(self) -> dict[str, list[Any]]:
        """Every row of every table."""
        with self.room.database.read() as connection:
            return {table.name: sorted(map(repr, connection.execute(select(table)))) for table in metadata.sorted_tables}

    def audited(self, user_key: str = ANN) -> list[dict[str, Any]]:
        """Their lines of the audit list."""
        with self.room.database.read() as connection:
            return agent_mails.listed(connection, user_key=user_key)

    def mail(self, outbox_id: str) -> Any:
        with self.room.database.read() as connection:
            return outboxes.get(connection, outbox_id)

    def answer(self, ref: str, by: str = ANN, **more: Any) -> dict[str, Any]:
        sent: dict[str, Any] = self.room.desk.mail(ref, by, text="Turn it off and on.", **{"undo": timedelta(minutes=2), **more})
        return sent


@pytest.fixture
def links(room: Room, keys: Keys) -> Links:
    return Links(room, keys)


def words(page: Page) -> str:
    return " ".join((page.heading, page.about, *page.lines, *page.small))


# ---------------------------------------------------------------- opening is not doing


def test_a_scanner_that_opens_every_link(links: Links) -> None:
    """Attack “scanner that opens every link”: each link of a notification looked at, again and again, changes no row of any table but one line each of the
    audit list."""
    ref = links.room.ticket()
    undo = links.undo_of(ref, lambda: links.answer(ref))
    held = links.room.desk.hold_mail(links.answer(ref)["id"], ANN)["id"]
    tokens = [undo, links.token(LinkDeed.TAKE, ref), links.token(LinkDeed.RESOLVE, ref), links.token(LinkDeed.UNSUBSCRIBE, occasion="assigned")]
    tokens += [links.token(LinkDeed.SEND, ref, outbox_id=held), links.token(LinkDeed.DISCARD, ref, outbox_id=held)]
    before = links.everything()
    pages = [links.desk.look(token) for token in tokens for _ in range(OPENED_BY_SCANNERS)]
    assert {page.status for page in pages} == {200}
    after = links.everything()
    assert {name for name, rows in after.items() if rows != before[name]} == {"agent_mail"}
    assert links.room.woken == []
    lines = links.audited()
    assert sorted(row["words"].partition(":")[0] for row in lines) == ["discard", "resolve", "send", "take", "undo", "unsubscribe"]
    assert {(row["outcome"], row["reason"], row["words"].partition(": ")[2]) for row in lines} == {
        ("ignored", "link_opened", "its page was opened; nothing was done")
    }


def test_two_who_open_a_link_at_once(links: Links) -> None:
    """Two scanners at the same moment: one line, and both see the page."""
    token = links.token(LinkDeed.TAKE, links.room.ticket())
    gate, found = threading.Barrier(2), []

    def open_it() -> None:
        gate.wait()
        found.append(links.desk.look(token).status)

    threads = [threading.Thread(target=open_it) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [200, 200] and len(links.audited()) == 1


def test_links_are_no_mails(links: Links) -> None:
    """What is done by links, and opened, does not count for how many mails of an agent are carried out in an hour."""
    token = links.token(LinkDeed.TAKE, links.room.ticket())
    links.desk.look(token)
    links.desk.not_pressed(token)
    links.desk.confirm(token)
    with links.room.database.read() as connection:
        assert agent_mails.counted(connection, ANN, links.room.clock.now() - timedelta(hours=1)) == {}
    assert [row["reason"] for row in links.audited()].count("link") == 2


def test_forged_links_are_one_line_a_minute(links: Links, caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of forged addresses leave a line in the log for each minute, with how many they were, and nothing in the database."""
    desk, before = links.desk, links.everything()
    with caplog.at_level("WARNING", "guichet.links"):
        for _ in range(50):
            desk.look("forged.token")
        links.room.clock.advance(minutes=1)
        desk.confirm("forged.token")
    assert [record.__dict__["since_the_last_line"] for record in caplog.records if record.message == "link_forged"] == [1, 50]
    assert links.everything() == before


@pytest.mark.parametrize("spoil", [lambda t: "", lambda t: "x", lambda t: t[:-1], lambda t: f"{'a' * 26}.{t.partition('.')[2]}", str.upper])
def test_a_forged_token_tells_nothing(links: Links, spoil: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another address is a page that knows nothing, and costs no look into the database."""
    token = spoil(links.token(LinkDeed.TAKE, links.room.ticket()))
    monkeypatch.setattr(Database, "read", None)
    monkeypatch.setattr(Database, "durable", None)
    monkeypatch.setattr(Database, "lazy", None)
    for page in (links.desk.look(token), links.desk.confirm(token)):
        assert (page.status, page.about, page.buttons) == (404, "", ())
    assert links.desk.unsubscribe(token) is False


# ---------------------------------------------------------------- once, in time, by whom it is for


def test_once(links: Links) -> None:
    """The second time it says that it was done, and when; nothing happens again."""
    ref = links.room.ticket()
    token = links.token(LinkDeed.TAKE, ref)
    assert links.desk.confirm(token).status == 200
    assert (links.room.item(ref).assignee, links.room.item(ref).status) == (ANN, "in_progress")
    links.desk.look(token)
    before = links.everything()
    for page in (links.desk.confirm(token), links.desk.look(token)):
        assert page.status == 410
        assert "2 March 2026, 10:00 (CET)" in words(page)
    assert links.everything() == before


def test_what_links_do_is_audited(links: Links) -> None:
    """Agents by mail, 4: a deed by a link is a line of the audit list, and so is, once for each link, a request that did not press the button."""
    ref = links.room.ticket()
    token = links.token(LinkDeed.TAKE, ref)
    for _ in range(3):
        links.desk.not_pressed(token)
    links.desk.not_pressed(token[:-1] + "!")
    links.desk.confirm(token)
    with links.room.database.read() as connection:
        found = agent_mails.listed(connection, user_key=ANN)
    assert sorted((row["outcome"], row["reason"], row["ref"], row["words"].split(":")[0].split(",")[0]) for row in found) == [
        ("done", "link", ref, "take"),
        ("ignored", "link", ref, "take"),
    ]


def test_of_two_at_once_one_does_it(links: Links) -> None:
    """Two browsers press the button in the same moment: the deed is done once, one of them is told that it was done."""
    ref = links.room.ticket()
    token = links.undo_of(ref, lambda: links.answer(ref))
    gate, found = threading.Barrier(2), []

    def press() -> None:
        gate.wait()
        found.append(links.desk.confirm(token).status)

    threads = [threading.Thread(target=press) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(found) == [200, 410]
    lines = links.room.desk.show(ref, ANN)["timeline"]
    assert [entry["kind"] for entry in lines].count("attention") == 1


def test_over(links: Links) -> None:
    """After its days it does nothing and says until when it could be used; an hour's tidying forgets it a month later."""
    ref = links.room.ticket()
    token = links.token(LinkDeed.TAKE, ref)
    links.room.clock.advance(days=7)
    for page in (links.desk.look(token), links.desk.confirm(token)):
        assert (page.status, page.buttons) == (410, ())
        assert "9 March 2026" in words(page)
    assert links.room.item(ref).assignee == ""
    links.room.scheduler().tick(links.room.clock.now())
    assert links.desk.look(token).status == 410
    links.room.clock.advance(seconds=LINKS_KEPT.total_seconds() + 1)
    links.room.scheduler("other").tick(links.room.clock.now())
    assert links.desk.look(token).status == 404


def test_rights_are_those_of_now(links: Links) -> None:
    """Who may not see the item any more, or has left, gets a sentence; the link is not used up by it."""
    ref = links.room.ticket("Claim")
    token = links.token(LinkDeed.TAKE, ref)
    page = links.desk.confirm(token)
    assert (page.status, page.about) == (409, "")
    assert ref not in words(page) and "Printer" not in words(page)
    save(links.room, users=tuple(replace(one, queues=("Claims",)) if one.email == ANN else one for one in links.room.setup.users))
    assert links.desk.confirm(token).status == 200
    late = links.token(LinkDeed.TAKE, ref)
    save(links.room, users=tuple(one for one in links.room.setup.users if one.email != ANN))
    for page in (links.desk.look(late), links.desk.confirm(late)):
        assert page.status == 409
        assert "no active user" in words(page)


def test_what_the_table_forbids_is_a_sentence(links: Links) -> None:
    """Resolved meanwhile: it says so, and can be used later when it is possible again."""
    ref = links.room.ticket()
    token = links.token(LinkDeed.TAKE, ref, BOB)
    links.room.desk.do(ref, "resolve", ANN, note="Cable.")
    page = links.desk.confirm(token)
    assert page.status == 409
    assert f"{ref} est «\u00a0résolu\u00a0» maintenant" in words(page)
    links.room.desk.do(ref, "reopen", ANN)
    assert links.desk.confirm(token).status == 200


# ---------------------------------------------------------------- each deed


def test_undo_of_an_answer(links: Links) -> None:
    """Agents by mail, 3: the mail never leaves, the item is as before, the timeline says so; the page says both beforehand."""
    ref = links.room.ticket()
    was = links.room.item(ref)
    sent: dict[str, Any] = {}
    token = links.undo_of(ref, lambda: sent.update(links.answer(ref, resolve=True)) or sent)
    page = links.desk.look(token)
    assert "answered, took it" in words(page) and "will be cancelled" in words(page) and "goes back to “to do”" in words(page)
    assert page.buttons == (("undo", "Undo it"),)
    done = links.desk.confirm(token)
    assert "was cancelled. It never left." in words(done) and "is “to do” again" in words(done)
    now = links.room.item(ref)
    assert (now.status, now.assignee, now.owner, now.queue, now.resolution, now.clocks) == (was.status, "", "", was.queue, None, was.clocks)
    assert links.mail(sent["id"]).state is OutboxState.CANCELLED
    shown = links.room.desk.show(ref, ANN)["timeline"]
    assert any(entry["text"] == "Undone: answered, took it" and entry["by"] == ANN for entry in shown)


def test_undo_comes_too_late(links: Links) -> None:
    """The mail has left: nothing is undone, and the page says what to do instead, before and after the button."""
    ref = links.room.ticket()
    sent: dict[str, Any] = {}
    token = links.undo_of(ref, lambda: sent.update(links.answer(ref)) or sent)
    links.room.set_mail(sent["id"], OutboxState.SENT)
    links.desk.look(token)
    before = links.everything()
    for page in (links.desk.look(token), links.desk.confirm(token)):
        assert page.status == 409
        assert "has left already" in words(page) and "Write to them again" in words(page)
    assert links.everything() == before


def test_take_from_a_colleague_and_ones_own(links: Links) -> None:
    """The page says who has it; what is one's own already leaves nothing to press."""
    ref = links.room.ticket()
    links.room.desk.do(ref, "take", BOB)
    token = links.token(LinkDeed.TAKE, ref)
    assert "Bob Agent has it now." in words(links.desk.look(token))
    links.desk.confirm(token)
    again = links.desk.look(links.token(LinkDeed.TAKE, ref))
    assert again.buttons == () and "There is nothing to do." in words(again)


def test_resolve_asks_for_a_resolution(links: Links) -> None:
    """A-TK-16: without a mail or note the page asks for a note and does nothing without one; a typed one is the resolution."""
    ref = links.room.ticket()
    token = links.token(LinkDeed.RESOLVE, ref)
    page = links.desk.look(token)
    assert page.note and page.note_needed
    assert links.desk.confirm(token).status == 422
    assert links.room.item(ref).status == "to_do"
    assert links.desk.confirm(token, note="  New cable. ").status == 200
    assert (links.room.item(ref).status, links.room.item(ref).owner) == ("resolved", ANN)
    assert any(entry["text"] == "New cable." for entry in links.room.desk.show(ref, ANN)["timeline"])


def test_resolve_again_after_thanks(links: Links) -> None:
    """decisions.md 5: reopened by a mail that says thanks, one press uses the kept resolution again."""
    ref = links.room.ticket()
    links.room.desk.do(ref, "resolve", ANN, note="New cable.")
    links.room.mail_in(ref, "in-thanks")
    links.room.desk.do(ref, "note", BOB, note="Only thanks.")
    assert links.room.item(ref).is_open
    token = links.token(LinkDeed.RESOLVE, ref)
    links.room.clock.advance(minutes=1)
    assert links.desk.confirm(token).status == 200
    assert links.room.item(ref).status == "resolved"


def test_send_and_discard_a_held_answer(links: Links) -> None:
    """Agents by mail, 2: its author lets it go, with what else was wanted in the same commit, or cancels it; the other link then says what happened."""
    ref = links.room.ticket()
    first, second = (links.room.desk.hold_mail(links.answer(ref)["id"], ANN)["id"] for _ in range(2))
    send, discard = links.token(LinkDeed.SEND, ref, outbox_id=first), links.token(LinkDeed.DISCARD, ref, outbox_id=first)
    assert links.desk.confirm(send).status == 200
    assert (links.mail(first).state, links.wanted, links.room.woken[-1]) == (OutboxState.QUEUED, [first], "outbox")
    assert "let go already" in words(links.desk.confirm(discard))
    assert links.desk.confirm(links.token(LinkDeed.DISCARD, ref, outbox_id=second)).status == 200
    assert links.mail(second).state is OutboxState.CANCELLED
    assert "never left" in words(links.desk.look(links.token(LinkDeed.SEND, ref, outbox_id=second)))


def test_all_or_nothing_when_a_held_answer_is_let_go(links: Links) -> None:
    """What was wanted besides is refused: the mail stays held, and the link can be used again."""
    ref = links.room.ticket()
    held = links.room.desk.hold_mail(links.answer(ref)["id"], ANN)["id"]
    token = links.token(LinkDeed.SEND, ref, outbox_id=held, refused=True)
    before = links.everything()
    assert links.desk.confirm(token).status == 409
    assert links.everything() == before


def test_a_held_answer_of_somebody_else(links: Links) -> None:
    """A link for one's own mails is none for another's."""
    ref = links.room.ticket()
    held = links.room.desk.hold_mail(links.answer(ref)["id"], ANN)["id"]
    assert links.desk.confirm(links.token(LinkDeed.SEND, ref, ROOT, outbox_id=held)).status == 409
    assert links.mail(held).state is OutboxState.HELD


def _mine(links: Links) -> Choices:
    with links.room.database.read() as connection:
        return links.room.setups.current(connection).user_of[ANN].by_mail


def test_unsubscribe_by_one_click(links: Links) -> None:
    """RFC 8058: one occasion less, at once and in the digest, however often; other links are no address to unsubscribe at."""
    save(links.room, users=tuple(replace(one, by_mail=Choices(digest=(Occasion.IN_QUEUE,))) if one.email == ANN else one for one in links.room.setup.users))
    token = links.token(LinkDeed.UNSUBSCRIBE, occasion="new_information")
    assert [links.desk.unsubscribe(token) for _ in range(2)] == [True, True]
    assert Occasion.NEW_INFORMATION not in _mine(links).at_once and Occasion.ASSIGNED in _mine(links).at_once
    assert links.desk.unsubscribe(links.token(LinkDeed.UNSUBSCRIBE, occasion="digest"))
    assert _mine(links).digest == ()
    ref = links.room.ticket()
    assert links.desk.unsubscribe(links.token(LinkDeed.TAKE, ref)) is False
    assert links.room.item(ref).assignee == ""


def test_subscribe_again(links: Links) -> None:
    """The page that says it is done offers the way back, with the same link."""
    token = links.token(LinkDeed.UNSUBSCRIBE, occasion="assigned")
    done = links.desk.confirm(token, "unsubscribe")
    assert done.buttons == (("subscribe", "Send me these mails"),)
    assert links.desk.look(token).buttons == done.buttons
    assert links.desk.confirm(token, "subscribe").status == 200
    assert Occasion.ASSIGNED in _mine(links).at_once
    assert links.desk.look(token).buttons == (("unsubscribe", "Stop these mails"),)


def test_the_language_is_the_persons(links: Links, example_setup: Setup, clock: FakeClock) -> None:
    """decisions.md 24: Bob reads French, in his zone; a sentence of the desk that is English only is marked as such."""
    ref = links.room.ticket()
    page = links.desk.look(links.token(LinkDeed.TAKE, ref, BOB))
    assert (page.language, page.heading, page.buttons) == ("fr", "Merci de confirmer", (("take", "Prendre"),))
    assert "9 mars 2026 à 10:00 (CET)" in words(page)
    held = links.room.desk.hold_mail(links.answer(ref, BOB)["id"], BOB)["id"]
    refused = links.desk.confirm(links.token(LinkDeed.SEND, ref, BOB, outbox_id=held, refused=True))
    assert (refused.foreign, refused.lines) == (True, ("No.",))


# ---------------------------------------------------------------- from a mail to its undo


@pytest.fixture
def by_mail(room: Room, keys: Keys) -> ByMail:
    return ByMail(room, keys)


def _pressed(by_mail: ByMail, deed: str) -> Page:
    """The link of this kind that stands in a mail, found by its address, opened and confirmed."""
    (link,) = by_mail.links(deed)
    token = by_mail.keys.link_token(link.id)
    words = " ".join(by_mail.text(one) for purpose in (Purpose.CONFIRMATION, Purpose.HELD_REPLY) for one in by_mail.out(purpose))
    assert url(by_mail.public_url, token) in words
    room = by_mail.room
    desk = LinkDesk(room.database, room.setups, room.clock, room.apply, by_mail.keys, released=by_mail.mails.released)
    assert desk.look(token).status == 200
    return desk.confirm(token)


@pytest.mark.parametrize("text", ["#resolve\n\nNew cable.", "#take", "#wait 3d close\n\nPlease send a photo.", "#assign bob@demo.example", "#send 17:00\n#resolve\n\nOK"])
def test_the_link_of_a_confirmation_takes_the_mail_back(by_mail: ByMail, text: str) -> None:
    """Agents by mail, 3: commands and answer by mail, the confirmation's link, its button: the item is as before, and nothing leaves."""
    room = by_mail.room
    ref = room.ticket()
    was = room.item(ref)
    by_mail.answer(by_mail.tell(ref), text)
    assert room.item(ref) != was
    assert _pressed(by_mail, "undo").status == 200
    now = room.item(ref)
    for name in ("status", "wait_type", "assignee", "owner", "queue", "clocks", "resolution", "new_information", "attention"):
        assert getattr(now, name) == getattr(was, name), name
    assert {one.state for one in by_mail.out(Purpose.PERSON)} <= {OutboxState.CANCELLED}
    assert by_mail.timeline(ref)[-1]["text"].startswith("Undone: ")


def test_a_held_answer_let_go_by_its_link_does_what_else_was_wanted(by_mail: ByMail) -> None:
    """Agents by mail, 2: the customer wrote meanwhile; the button sends the answer and carries out its `#resolve` in one commit."""
    room = by_mail.room
    ref = room.ticket()
    told = by_mail.tell(ref)
    room.clock.advance(minutes=1)
    room.mail_in(ref, "in-again")
    room.clock.advance(minutes=1)
    by_mail.answer(told, "#resolve\n\nNew cable.")
    (held,) = by_mail.out(Purpose.PERSON)
    assert (held.state, room.item(ref).status) == (OutboxState.HELD, "to_do")
    assert _pressed(by_mail, "send").status == 200
    assert (by_mail.message(held.id).state, room.item(ref).status) == (OutboxState.QUEUED, "resolved")
