"""Telling our people by mail, on both databases: whom which mail reaches, what stands in it, and that nothing is told twice or to the wrong person."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from core.by_mail import AT_ONCE, ByMail, Occasion
from core.decision import Suppression
from core.marker import line, survives
from core.outbox import Purpose
from core.setup import Connector, MailTemplate, PlusMode, Setup, User
from gateway.bootstrap import House, open_house
from gateway.clock import FakeClock
from gateway.local_time import next_time
from gateway.notifier import Notifier
from gateway.store import brakes, notifications, proofs
from gateway.store.engine import Database
from gateway.store.schema import item, mail_link, notification, outbox, raw_mail, timeline
from tests.desk.gate import Gate
from tests.flow.told import ANN, CARL, ROOT, letter
from tests.houses import furnish, settings_for, url_of

BOB, LEA = "bob@demo.example", "lea@demo.example"
URL = "https://desk.demo.example"


class Told(Gate):
    """A house whose mailbox proved its plus-addresses; nothing leaves it, and what our people would get is read from the outbox."""

    def save(self, **changes: Any) -> None:
        """Change the desk."""
        with self.house.database.durable() as connection:
            self.house.setups.save(connection, replace(self.house.setups.current(connection), **changes), ROOT, self.clock.now())

    def user(self, address: str, **changes: Any) -> None:
        """Change one person."""
        self.save(users=tuple(replace(one, **changes) if one.email == address else one for one in self.house.setup().users))

    def run(self, seconds: float = 2) -> int:
        """A moment later."""
        return self.house.notifier.run_due(self.clock.advance(seconds=seconds))

    def mails(self, to: str = "", purpose: Purpose = Purpose.NOTIFICATION) -> list[EmailMessage]:
        """What was made for somebody, the oldest first."""
        wanted = select(raw_mail.c.bytes, outbox.c.to_text).join(outbox, outbox.c.id == raw_mail.c.id).where(outbox.c.purpose == purpose.value)
        with self.house.database.read() as connection:
            rows = connection.execute(wanted.order_by(outbox.c.created_at, outbox.c.seq, outbox.c.id)).all()
        return [email.message_from_bytes(row.bytes, policy=email.policy.default) for row in rows if to in row.to_text]  # type: ignore[misc]

    def rows(self, state: str = "") -> list[Any]:
        """The notifications in a state."""
        with self.house.database.read() as connection:
            found = connection.execute(select(notification).order_by(notification.c.at, notification.c.id)).all()
        return [row for row in found if not state or row.state == state]

    def given(self, n: int = 1, to: str = ANN) -> str:
        """A ticket of Carl's that Lea gave to somebody, who was told."""
        ref = self.ticket(n)
        self.desk.do(ref, "assign", LEA, to=to)
        self.run()
        return ref


@pytest.fixture
def told(tmp_path: Path, database: Database, example_setup: Setup, clock: FakeClock) -> Iterator[Told]:
    """The example desk with a public address."""
    house = a_house(tmp_path, database, example_setup, clock)
    yield Told(house, clock)
    house.close()


@pytest.fixture
def quick(tmp_path: Path, example_setup: Setup, clock: FakeClock) -> Iterator[Told]:
    """The same on one database, for what the database has no part in."""
    from tests.conftest import make_schema

    database = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(database)
    house = a_house(tmp_path, database, example_setup, clock)
    yield Told(house, clock)
    house.close()


def a_house(folder: Path, database: Database, setup: Setup, clock: FakeClock, **agent_mail: int) -> House:
    """One that has a public address and proved plus-addresses; `agent_mail` are settings."""
    connectors: tuple[Connector, ...] = tuple(replace(one, plus_addressing=PlusMode.MIXED) for one in setup.connectors)
    if not (folder / "secret.key").exists():
        furnish(folder, database, replace(setup, connectors=connectors))
    with database.durable() as connection:
        proofs.record(connection, "support", "support@demo.example", {proofs.PLUS_ADDRESSING: True}, clock.now())
    more = {"web": {"port": 0, "public_url": URL}, "broker": {"url": "drop://"}, "agent_mail": agent_mail}
    return open_house(settings_for(folder, url_of(database), **more), clock=clock)


def text_of(mail: EmailMessage) -> str:
    """The text part."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(mail: EmailMessage) -> str:
    """The HTML part."""
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


# ---------------------------------------------------------------- a mail


def test_a_customers_mail_reaches_whoever_has_the_item(quick: Told) -> None:
    """Agents by mail, 1: the new text and nothing older, a signed address for the answer, what an answer does, links, one thread, and no line on the timeline."""
    ref = quick.given()
    quick.answer(1, text="It still burns.")
    assert quick.run() == 1 and quick.run() == 0
    first, second = quick.mails(ANN)
    assert [str(one["Subject"]) for one in (first, second)] == [f"[{ref}] Hot"] * 2
    text = text_of(second)
    assert text.startswith(line("en")) and "It still burns." in text and "It is Hot 1." not in text
    assert text.rstrip().splitlines()[-1] == "##- Your answer goes to the customer (Carl Customer <carl@acme.example>) -##"
    assert "Carl Customer wrote on" in text and "Status: to do" in text and "2 March 2026, 10:00 (CET)" in text
    assert str(second["From"]) == '"Carl Customer (Demo desk)" <support@demo.example>'
    assert re.fullmatch(r'"Carl Customer \(Demo desk\)" <support\+a\.[0-9a-z]+\.[a-z2-7]+@demo\.example>', str(second["Reply-To"]))
    assert second["In-Reply-To"] == first["Message-ID"] and str(second["References"]).split()[-1] == first["Message-ID"]
    assert "acme.example" not in f"{second['References']}{first['References']}{first['In-Reply-To']}"
    assert second["Auto-Submitted"] == "auto-generated" and str(second["List-Id"]) == "<new-information.notifications.demo.example>"
    assert str(second["List-Unsubscribe"]).startswith(f"<{URL}/m/") and second["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Resolve it: " in text and "Take it" not in text
    assert survives(html_of(second)) and "It still burns." in html_of(second)
    with quick.house.database.read() as connection:
        purposes = {row.purpose for row in connection.execute(select(outbox.c.purpose).join(timeline, timeline.c.outbox_id == outbox.c.id))}
        deeds = {row.deed for row in connection.execute(select(mail_link.c.deed))}
    assert not purposes & {"notification", "digest"} and deeds == {"resolve", "unsubscribe"}


def test_what_a_mail_told_of_is_known_again(told: Told) -> None:
    """An answer finds what it answers: item, mails, occasion, and whether it told of an internal note."""
    ref = told.given()
    inbound_id = told.answer(1)
    told.run()
    with told.house.database.read() as connection:
        ids = list(connection.execute(select(outbox.c.id).where(outbox.c.purpose == "notification").order_by(outbox.c.created_at)).scalars())
        first, second = (notifications.told_about(connection, one) for one in ids)
        assert first is not None and second is not None and notifications.told_about(connection, "nothing") is None
    assert (first.occasion, len(first.inbound_ids), first.internal) == (Occasion.ASSIGNED, 1, False)
    assert (second.item_id, second.inbound_ids, second.occasion) == (told.stored(ref).id, (inbound_id,), Occasion.NEW_INFORMATION)
    assert second.at == told.clock.now()


def test_what_is_given_brings_the_customers_words(quick: Told) -> None:
    """Whoever gets an item reads what the customer wrote last, and by whom it was given."""
    ref = quick.given()
    (mail,) = quick.mails(ANN)
    assert "Lea Leader gave you" in text_of(mail) and "It is Hot 1." in text_of(mail) and ref in text_of(mail)
    assert str(mail["From"]).startswith('"Lea Leader (Demo desk)"')


def test_who_stands_in_is_told_by_the_customers_name(quick: Told) -> None:
    """Agents by mail, 1: what wakes while its agent is away comes to the deputy: From has the name of who wrote, and no address in it."""
    quick.given()
    quick.run()
    quick.user(ANN, absent_until=quick.clock.now() + timedelta(days=3), deputy=BOB)
    quick.answer(1, text="It still burns.")
    quick.run()
    (mail,) = quick.mails(BOB)
    assert str(mail["From"]) == '"Carl Customer (Demo desk)" <support@demo.example>'
    assert "vous remplacez Ann Agent" in text_of(mail) or "you stand in for Ann Agent" in text_of(mail)


def test_one_moment_is_one_mail(quick: Told) -> None:
    """Several mails within a moment are told together, each once, the oldest first."""
    quick.given()
    for n in (1, 2, 3):
        quick.answer(n, text=f"Word {n}.")
        quick.clock.advance(seconds=0.1)
    assert quick.run() == 1
    text = text_of(quick.mails(ANN)[-1])
    assert [text.count(f"Word {n}.") for n in (1, 2, 3)] == [1, 1, 1] and text.index("Word 1.") < text.index("Word 3.")


def test_a_note_has_a_mail_of_its_own(quick: Told) -> None:
    """What is told of a note says that the answer stays internal; a customer's mail of the same moment is told apart."""
    ref = quick.given()
    quick.desk.do(ref, "note", BOB, note="He is a friend of mine.")
    quick.answer(1, text="Well?")
    assert quick.run() == 2
    other, note = quick.mails(ANN)[1:]
    assert "Internal note by Bob Agent" in text_of(note) and "stays internal" in text_of(note).splitlines()[-1] and "Well?" not in text_of(note)
    assert "friend" not in text_of(other) and "goes to the customer" in text_of(other)


def test_french_people_are_told_in_french(quick: Told) -> None:
    """The person's own language and zone, not the customer's."""
    quick.user(BOB, timezone="America/Montreal")
    ref = quick.given(to=BOB)
    (mail,) = quick.mails(BOB)
    text = text_of(mail)
    assert text.startswith(line("fr")) and f"Lea Leader vous a confié {ref}." in text and "2 mars 2026 à 04:00 (EST)" in text
    assert mail["Content-Language"] == "fr" and 'lang="fr"' in html_of(mail) and "Votre réponse ira au client" in text


def test_a_held_mail_is_told_without_its_words(quick: Told) -> None:
    """A stranger's words are not presented as the customer's answer."""
    ref = quick.given()
    quick.held(ref)
    quick.run()
    mail = quick.mails(ANN)[-1]
    assert "is held on" in text_of(mail) and "Let me in." not in text_of(mail) and str(mail["From"]).startswith("Demo desk <")


def test_a_subject_is_no_command(quick: Told) -> None:
    """A customer's subject cannot become a command in the agent's answer."""
    quick.comes_in(letter("#resolve completed", "x", message_id="m1@acme.example"))
    (row,) = quick.desk.list_items(ROOT)
    quick.desk.do(row["ref"], "assign", LEA, to=ANN)
    quick.run()
    assert str(quick.mails(ANN)[0]["Subject"]) == f"[{row['ref']}] resolve completed"


ATTACHED = """From: Carl Customer <carl@acme.example>
To: support@demo.example
Subject: Re: Hot
Message-ID: <f1@acme.example>
In-Reply-To: <m1@acme.example>
Authentication-Results: mx.demo.example; dmarc=pass header.from=acme.example
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

See these.
--b
Content-Type: text/plain; name=small.txt
Content-Disposition: attachment; filename=small.txt

small
--b
Content-Type: application/octet-stream; name=run.exe
Content-Disposition: attachment; filename=run.exe

MZ
--b
Content-Type: text/plain; name=large.txt
Content-Disposition: attachment; filename=large.txt

{large}
--b--
"""


def test_files_go_along_as_far_as_they_may(tmp_path: Path, database: Database, example_setup: Setup, clock: FakeClock) -> None:
    """Harmless files up to the limit are attached; large and dangerous ones are named with where to see them; the item's own files stay as they are."""
    told = Told(a_house(tmp_path, database, example_setup, clock, attachments_up_to=2_000), clock)
    ref = told.given()
    told.comes_in(ATTACHED.format(large="x" * 70 + ("\n" + "x" * 70) * 60).replace("\n", "\r\n").encode())
    told.run()
    mail = told.mails(ANN)[-1]
    assert [(one.get_filename(), one.get_content().strip()) for one in mail.iter_attachments()] == [("small.txt", "small")]  # type: ignore[attr-defined]
    text = text_of(mail)
    assert "Attached: “small.txt”" in text and "“large.txt” (4 kB, too large)" in text and "“run.exe”" in text and "may be dangerous" in text
    assert told.desk.list_files(ref, ANN) == []
    told.house.close()


# ---------------------------------------------------------------- who is not told


@pytest.mark.parametrize("why", ["absent", "suppressed", "rights", "off", "left"])
def test_everything_is_asked_again_when_it_is_told(quick: Told, why: str) -> None:
    """Absent, bouncing, without the right to see it, not wanting it any more, gone: the row says why, and no mail is made."""
    told = quick
    told.given()
    before = len(told.mails())
    told.answer(1)
    changes: dict[str, dict[str, Any]] = {
        "absent": {"absent_until": told.clock.now() + timedelta(days=3)},
        "off": {"by_mail": ByMail(at_once=(Occasion.ASSIGNED,))},
        "left": {"active": False},
    }
    if why in changes:
        told.user(ANN, **changes[why])
    elif why == "suppressed":
        with told.house.database.durable() as connection:
            brakes.suppress(connection, Suppression(ANN, told.clock.now() + timedelta(days=1), "Returned"))
    else:
        told.user(ANN, queues=())
        with told.house.database.durable() as connection:
            connection.execute(update(item).values(assignee=BOB))
    assert told.run() == 0 and len(told.mails()) == before
    (row,) = told.rows("dropped")
    assert row.because and told.run() == 0


def test_nobody_is_told_of_history(quick: Told) -> None:
    """An archive that is taken in tells nobody."""
    quick.user(ANN, by_mail=ByMail(at_once=(*AT_ONCE, Occasion.IN_QUEUE)))
    from gateway.inbound.port import Arrival

    quick.house.intake.accept(Arrival(letter("Old", "x", message_id="old@acme.example"), "import", quick.clock.now(), CARL, ("support@demo.example",), archive=True))
    quick.house.processor.sweep()
    assert quick.desk.list_items(ROOT) and quick.rows() == []


def test_new_in_my_queue(told: Told) -> None:
    """Off by default; who wants it is told once, can take it with one click, and is not told when somebody was faster."""
    told.user(ANN, by_mail=ByMail(at_once=(*AT_ONCE, Occasion.IN_QUEUE)))
    first = told.ticket(1)
    told.run()
    (mail,) = told.mails()
    assert f"{first} is new in your queue “First line”." in text_of(mail) and "It is Hot 1." in text_of(mail)
    assert "Take it: " in text_of(mail) and str(mail["To"]) == "Ann Agent <ann@demo.example>"
    second = told.ticket(2)
    told.desk.do(second, "take", BOB)
    assert told.run() == 0 and [row.because for row in told.rows("dropped")] == ["somebody has it now"]


# ---------------------------------------------------------------- together


def test_the_digest_comes_at_its_time(told: Told) -> None:
    """Collected and told once a day at the person's own time, each item once; it cannot be answered, and one click ends it."""
    ref = told.given()
    told.user(ANN, by_mail=ByMail(at_once=(), digest=(Occasion.NEW_INFORMATION,), digest_at="10:30"))
    told.answer(1, text="One.")
    told.answer(2, text="Two.")
    assert told.run(60) == 0
    assert told.house.notifier.run_due(told.clock.advance(minutes=40)) == 1  # 10:30 in Paris is 09:30 UTC
    (mail,) = told.mails(ANN, Purpose.DIGEST)
    text = text_of(mail)
    assert str(mail["Subject"]) == "1 item with news" and text.count(ref) == 3 and "One." in text and "Two." in text
    assert "nobody reads it" in text.splitlines()[-1] and mail["Reply-To"] is None and str(mail["List-Id"]) == "<digest.notifications.demo.example>"
    assert str(mail["From"]) == "Demo desk <no-reply@demo.example>"
    assert told.house.notifier.run_due(told.clock.advance(days=1)) == 0


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-28T06:59:00+00:00", "2026-03-28T07:00:00+00:00"),
        ("2026-03-28T07:00:00+00:00", "2026-03-29T06:00:00+00:00"),
        ("2026-10-24T06:00:00+00:00", "2026-10-25T07:00:00+00:00"),
    ],
)
def test_a_digest_keeps_its_hour_when_the_clocks_change(now: str, expected: str) -> None:
    """decisions.md 23: 08:00 in Paris is 07:00 UTC in winter and 06:00 in summer."""
    assert next_time("08:00", "Europe/Paris", datetime.fromisoformat(now)) == datetime.fromisoformat(expected)


def test_a_time_the_clocks_jump_over() -> None:
    """02:30 on the night of the change: as much later as they jump; in autumn, when it comes twice, the first."""
    assert next_time("02:30", "Europe/Paris", datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert next_time("02:30", "Europe/Paris", datetime(2026, 10, 24, 12, tzinfo=UTC)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_flood_is_told_together(tmp_path: Path, database: Database, example_setup: Setup, clock: FakeClock) -> None:
    """Above so many mails within an hour the rest is told in one, when the hour is over."""
    told = Told(a_house(tmp_path, database, example_setup, clock, notifications_per_hour=3), clock)
    told.given()
    for n in range(1, 6):
        told.answer(n, text=f"Word {n}.")
        told.run()
    assert len(told.mails(ANN)) == 3 and told.mails(ANN, Purpose.DIGEST) == []
    told.house.notifier.run_due(told.clock.advance(hours=1))
    (mail,) = told.mails(ANN, Purpose.DIGEST)
    assert "Word 3." in text_of(mail) and "Word 5." in text_of(mail) and "within an hour" in text_of(mail) and mail["List-Unsubscribe"] is None
    told.house.close()


def test_two_notifiers_tell_once(told: Told) -> None:
    """Two processes at the same moment: what one has claimed the other leaves; what is told stays told."""
    told.given()
    told.answer(1)
    now = told.clock.advance(seconds=2)
    house = told.house
    means = house.notifier._means
    other = Notifier(house.database, house.setups, house.apply, means, per_hour=100)
    if house.database.is_sqlite:
        assert (house.notifier.run_due(now), other.run_due(now)) == (1, 0)
    else:
        with house.database.lazy() as connection:
            (group,) = notifications.due(connection, now, 10)
            assert notifications.claim(connection, group, now)
            assert other.run_due(now) == 0
        assert (other.run_due(now), house.notifier.run_due(now)) == (1, 0)
    assert len(told.mails(ANN)) == 2


def test_a_fault_of_ours_holds_up_nobody_else(quick: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail that cannot be made is put aside and tried again later; the others are made."""
    one, two = quick.ticket(1), quick.ticket(2)
    for ref, to in ((one, ANN), (two, BOB)):
        quick.desk.do(ref, "assign", LEA, to=to)
    import gateway.notifier as telling

    real = telling.of_item
    monkeypatch.setattr(telling, "of_item", lambda reader, *more: 1 / 0 if reader.user.email == ANN else real(reader, *more))
    assert quick.run() == 1 and len(quick.mails(BOB)) == 1
    monkeypatch.setattr(telling, "of_item", real)
    assert quick.run() == 0 and quick.run(301) == 1 and len(quick.mails(ANN)) == 1


# ---------------------------------------------------------------- due dates


def test_due_dates_are_told_once_each(told: Told) -> None:
    """Soon due, then overdue: one mail each, again after the date was moved."""
    ref = told.given()
    due = told.clock.now() + timedelta(minutes=45)
    with told.house.database.durable() as connection:
        connection.execute(update(item).values(due_at=due))
    for _ in range(8):
        told.run(600)
    told.run()
    texts = [text_of(one) for one in told.mails(ANN)][1:]
    assert len(texts) == 2 and f"{ref} is due soon: 2 March 2026, 10:45" in texts[0] and f"{ref} has been due since" in texts[1]
    with told.house.database.durable() as connection:
        connection.execute(update(item).values(due_at=told.clock.now() - timedelta(minutes=1)))
    told.run(11)
    told.run()
    assert len(told.mails(ANN)) == 4


def a_report_on(to: str, who: str, words: str = "550 5.1.1 User unknown") -> bytes:
    """A delivery report (RFC 3464) that comes to a bounce address of ours."""
    text = (
        f"From: mailer-daemon@demo.example\nTo: {to}\nSubject: Undelivered\nMessage-ID: <{sha256(words.encode()).hexdigest()[:9]}@demo.example>\n"
        "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nNo.\n--b\n"
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {who}\nAction: failed\nStatus: 5.1.1\n"
        f"Diagnostic-Code: smtp; {words}\n--b--\n"
    )
    return text.replace("\n", "\r\n").encode()


# ---------------------------------------------------------------- mail that did not arrive


def test_a_failed_mail_can_be_answered(quick: Told) -> None:
    """Agents by mail, 1, and C-TP-01: the author gets one mail, in the desk's own words, which can be answered and unsubscribed from; a second
    report about the same person tells nobody again."""
    quick.save(mail_templates=(MailTemplate("mt-1", str(Purpose.SEND_FAILED), "en", "Back: {{ subject }}", "Ring them up.\n{{ failures }}"),))
    ref = quick.given()
    quick.desk.mail(ref, ANN, text="Turn it off and on.", undo=timedelta(0))
    with quick.house.database.durable() as connection:
        mail = connection.execute(select(outbox).where(outbox.c.purpose == "person")).one()
        connection.execute(update(outbox).where(outbox.c.id == mail.id).values(state="sent"))
    before = len(quick.mails(ANN))
    quick.comes_in(a_report_on(mail.envelope_from, CARL), "", mail.envelope_from)
    quick.run()
    (told,) = quick.mails(ANN)[before:]
    text = text_of(told)
    assert text.startswith(line("en")) and f"Back: {mail.subject}" in text and "Ring them up." in text and "550 5.1.1 User unknown" in text
    assert "Your answer goes to the customer" in text and str(told["Reply-To"]).count("support+a.") == 1
    assert told["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click" and f"[{ref}]" in told["Subject"]
    assert quick.mails(ANN, Purpose.SEND_FAILED) == []
    (row,) = [one for one in quick.rows() if one.occasion == "failed"]
    with quick.house.database.read() as connection:
        about = notifications.told_about(connection, row.mail_id)
    assert about is not None and about.outbox_ids == (mail.id,) and not about.internal
    quick.comes_in(a_report_on(mail.envelope_from, CARL, "552 5.2.2 Mailbox full"), "", mail.envelope_from)
    assert quick.run() == 0


def test_old_notifications_are_forgotten(quick: Told) -> None:
    """What was told, or dropped, stays for ninety days, or as long as it can be answered; what waits stays."""
    quick.given()
    quick.user(BOB, by_mail=ByMail(at_once=(), digest=(Occasion.ASSIGNED,)))
    quick.desk.do(quick.ticket(2), "assign", LEA, to=BOB)
    with quick.house.database.durable() as connection:
        at = quick.clock.now()
        assert notifications.prune(connection, at - timedelta(days=90)) == 0
    quick.house.scheduler.tick(quick.clock.advance(days=89))
    assert {row.state for row in quick.rows()} == {"told", "digest"}
    quick.house.scheduler.tick(quick.clock.advance(days=2))
    assert {row.state for row in quick.rows()} == {"digest"}


# ---------------------------------------------------------------- what comes back


def test_a_notification_that_bounces(quick: Told, caplog: pytest.LogCaptureFixture) -> None:
    """decisions.md 3: the person's address gets nothing more and the administrators see it; the customer's item does not move and shows nothing of it."""
    ref = quick.given()
    before = quick.seen(ref)
    with quick.house.database.durable() as connection:
        sent = connection.execute(select(outbox).where(outbox.c.purpose == "notification")).one()
        connection.execute(update(outbox).values(state="sent"))
    assert sent.envelope_from.startswith("support+b.")
    quick.comes_in(a_report_on(sent.envelope_from, ANN), "", sent.envelope_from)
    after = quick.seen(ref)
    assert {key: after[key] for key in ("status", "attention", "new_information", "assignee")} == {
        key: before[key] for key in ("status", "attention", "new_information", "assignee")
    }
    assert len(after["timeline"]) == len(before["timeline"])
    with quick.house.database.read() as connection:
        assert brakes.suppressed(connection, (ANN,), quick.clock.now()) == {ANN}
    assert any(record.message == "user_suppressed" for record in caplog.records)
    quick.answer(1)
    assert quick.run() == 0


def test_nobody_copies_what_our_people_are_told(quick: Told) -> None:
    """C-GW-05: the desk's blind copies do not get links and addresses that are one person's alone."""
    quick.save(bcc_all=("archive@elsewhere.example",))
    quick.given()
    with quick.house.database.read() as connection:
        assert connection.execute(select(outbox.c.to_text).where(outbox.c.purpose == "notification")).scalar_one().count("@") == 1
    assert isinstance(quick.house.setup().users[0], User)
