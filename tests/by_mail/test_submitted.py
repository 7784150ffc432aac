"""Mail handed in at the submission door, on both databases: on its item or a new one, to whom it goes, held, refused, once; the door itself is tested beside this."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from core.agent_letters import letter as told
from core.by_mail import ByMail
from core.decision import Link
from core.setup import Role, Setup, User
from core.status import Status
from gateway.agent_mail import AgentMails, Limits
from gateway.clock import FakeClock
from gateway.inbound.port import Arrival
from gateway.inbound.process import Processor
from gateway.keys import Keys
from gateway.store import agent_mails, arrivals, items, outboxes
from gateway.store.engine import Database
from gateway.store.schema import stored_file, timeline
from gateway.submitted import Submitted
from tests.conftest import make_schema
from tests.inbound.way_in import ANN, JO, SUPPORT, WayIn, a_raw

BOB, LEA, KIM, CLAIMS = "bob@demo.example", "lea@demo.example", "kim@acme.example", "claims@demo.example"
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000a49444154789c6300010000050001")


@dataclass
class Office(WayIn):
    """The way in with people who hand in mail."""

    def processor(self, holder: str = "me", *, apply: Any = None) -> Processor:
        submitted = Submitted(self.clock, self.keys, public_url="https://desk.demo.example")
        by_agent = AgentMails(self.clock, self.keys, Limits(), submitted=submitted)
        made = (self.database, self.setups, self.keys, self.clock, apply or self.apply, lambda raw: self.read(raw))
        return Processor(*made, holder=holder, limits=self.brakes, on_mail_queued=self._wake, by_agent=by_agent)

    def put(self, mail: EmailMessage | bytes, to: Iterable[str], *, by: str = ANN) -> str:
        raw = mail if isinstance(mail, bytes) else mail.as_bytes(policy=policy.SMTP)
        inbound_id = self.clock.new_id()
        arrival = Arrival(raw, "submission", self.clock.advance(seconds=1), SUPPORT, tuple(to), submitted_by=by)
        with self.database.durable() as connection:
            arrivals.store(connection, [(inbound_id, arrival)])
        return inbound_id

    def hand_in(self, mail: EmailMessage | bytes, to: Iterable[str] = (JO,), *, by: str = ANN) -> dict[str, Any]:
        """Handed in and processed; returns the newest line of the audit list."""
        self.put(mail, to, by=by)
        self.processor().sweep()
        return self.audit()[0]

    def setups_now(self) -> Setup:
        with self.database.read() as connection:
            return self.setups.current(connection)

    def change(self, email: str, **values: Any) -> None:
        """A user of other values."""
        setup = self.setups_now()
        self.configure(replace(setup, users=tuple(replace(one, **values) if one.email == email else one for one in setup.users)))

    def audit(self) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return agent_mails.listed(connection)

    def by_people(self) -> list[Any]:
        return [one for one in self.outbox() if not one.system_generated]

    def to_people(self) -> list[Any]:
        return [one for one in self.outbox() if one.purpose.value in ("refusal", "held_reply", "confirmation")]

    def bytes_of(self, outbox_id: str) -> EmailMessage:
        with self.database.read() as connection:
            made = message_from_bytes(outboxes.raw(connection, outbox_id), policy=policy.default)
        assert isinstance(made, EmailMessage)
        return made

    def text_of(self, outbox_id: str) -> str:
        part = self.bytes_of(outbox_id).get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    def lines(self, ref: str) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(select(timeline).where(timeline.c.item_id == self.item(ref).id).order_by(timeline.c.seq)))

    def shape(self, ref: str) -> list[tuple[Any, ...]]:
        """The timeline as people see it, without what is different in every run."""
        leave = ("by_mail", "started_by")
        return [(one.kind, one.by, one.text, {key: value for key, value in (one.facts or {}).items() if key not in leave}) for one in self.lines(ref)]


@pytest.fixture
def office(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> Iterator[Office]:
    """The example desk."""
    yield Office(database, example_setup, clock, keys)


@pytest.fixture
def quick(tmp_path: Any, example_setup: Setup, clock: FakeClock, keys: Keys) -> Iterator[Office]:
    """The same on SQLite, for what no database does differently."""
    made = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(made)
    yield Office(made, example_setup, clock, keys)
    made.dispose()


def letter(
    text: str = "It will be repaired tomorrow.",
    *,
    to: str = f"Jo <{JO}>",
    from_: str = f"Ann <{SUPPORT}>",
    subject: str = "Re: Printer",
    id_: str = "1@laptop",
    **more: str,
) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = from_, to, subject, f"<{id_}>"
    for name, value in more.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail


ANSWER = {"In_Reply_To": "<a@acme.example>", "References": "<a@acme.example>"}


def asked(office: Office) -> str:
    """Jo has written; the reference of the ticket."""
    office.take(a_raw(message_id="a@acme.example"))
    return "101001-T"


def recipients(mail: Any) -> list[tuple[str, str]]:
    return [(one.role, one.address.address) for one in mail.recipients]


# ---------------------------------------------------------------- on its item


def test_it_goes_out_as_if_written_on_the_page(office: Office, example_setup: Setup) -> None:
    """Agents by mail, 5: in the thread, from the shared mailbox, after the delay of mails by mail; item and timeline are those of the page."""
    ref = asked(office)
    record = office.hand_in(letter(**ANSWER))
    (mail,) = office.by_people()
    assert (record["outcome"], record["user_key"], record["outbox_id"], record["item_id"]) == ("done", ANN, mail.id, office.item(ref).id)
    assert recipients(mail) == [("to", JO)] and mail.due_at == office.clock.now() + timedelta(minutes=2) and mail.author == ANN
    sealed = office.bytes_of(mail.id)
    assert (sealed["From"], sealed["To"], sealed["In-Reply-To"]) == (f"Ann Agent <{SUPPORT}>", f"Jo <{JO}>", "<a@acme.example>")
    assert sealed["Subject"] == f"Re: [{ref}] Printer" and sealed["Message-ID"] != "<1@laptop>" and "Auto-Submitted" not in sealed
    assert office.text_of(mail.id).startswith("It will be repaired tomorrow.")
    assert (office.item(ref).status, office.item(ref).assignee, office.to_people(), office.woken) == (Status.IN_PROGRESS, ANN, [], 2)

    office.take(a_raw(message_id="b@acme.example", text="Mine, too."))
    office.desk().mail("101002-T", ANN, text="It will be repaired tomorrow.", to=[f"Jo <{JO}>"], subject="Re: Printer")
    assert office.shape(ref) == office.shape("101002-T")


def test_an_answer_to_either_copy_joins(quick: Office) -> None:
    """The mail program's own Message-ID is remembered: whoever answers its copy, or ours, is on the item, and so is the agent's next mail."""
    ref = asked(quick)
    quick.hand_in(letter(**ANSWER))
    (mail,) = quick.by_people()
    for named in ("1@laptop", mail.message_id):
        taken = quick.take(a_raw(subject="Re: Printer", message_id=f"x{named}", text=f"Thanks {named}", headers=[f"In-Reply-To: <{named}>"]))
        assert (taken["verdicts"][0]["action"], taken["items"]) == ("join", [ref])
    quick.later(minutes=1)
    quick.hand_in(letter("Once more.", id_="2@laptop", In_Reply_To="<1@laptop>"))
    assert quick.audit()[0]["item_id"] == quick.item(ref).id


def test_how_its_item_is_found(quick: Office) -> None:
    """By an id it answers, the signed address in To that a reply to all carries along, or the reference in the subject; a merged item leads to the other."""
    ref = asked(quick)
    signed = f"support+{quick.keys.reply_tag(ref)}@demo.example"
    for n, (to, envelope, more) in enumerate(
        (
            (JO, (JO,), {"References": "<nothing@x> <a@acme.example>"}),
            (f"{JO}, {signed}", (JO, signed), {}),
            (JO, (JO,), {"subject": f"Your ticket [{ref}]"}),
        )
    ):
        record = quick.hand_in(letter(f"Answer {n}.", to=to, id_=f"{n}@laptop", **more), envelope)
        assert (record["outcome"], record["item_id"]) == ("done", quick.item(ref).id), n
        assert recipients(quick.by_people()[-1]) == [("to", JO)], "the address of the mailbox itself is left out"
    quick.take(a_raw(message_id="b@acme.example", text="Another one."))
    with quick.database.durable() as connection:
        items.add_links(connection, [Link(quick.item(ref).id, quick.item("101002-T").id, "merged_into")], quick.clock.now())
    quick.later(minutes=1)
    assert quick.hand_in(letter("Answer to the old one.", id_="9@laptop", **ANSWER))["item_id"] == quick.item("101002-T").id
    assert len(quick.items()) == 2 and not quick.item(ref).new_information


def test_recipients_as_they_were_written(quick: Office) -> None:
    """To and Cc as in the header, blind copies are the rest of the envelope; the mailbox in Cc opens nothing and wakes nothing, a colleague gets it like anybody."""
    ref = asked(quick)
    mail = letter(to=f"Jo <{JO}>, Boss <boss@acme.example>", Cc=f"Support <{SUPPORT}>, {BOB}", **ANSWER)
    quick.hand_in(mail, (JO, "boss@acme.example", SUPPORT, BOB, "blind@globex.example"))
    (sent,) = quick.by_people()
    assert sorted(recipients(sent)) == [("bcc", "blind@globex.example"), ("cc", BOB), ("to", "boss@acme.example"), ("to", JO)]
    sealed = quick.bytes_of(sent.id)
    assert "blind" not in sealed.as_string() and sealed["Cc"] == BOB
    assert len(quick.items()) == 1 and not quick.item(ref).new_information and len(quick.audit()) == 1


def test_who_is_not_in_the_envelope_gets_nothing(quick: Office) -> None:
    """A mail program that hands a mail in by parts names only some of those in its header each time; each part goes once, to its own."""
    asked(quick)
    mail = letter(to=f"{JO}, {KIM}", **ANSWER)
    quick.hand_in(mail, (JO,))
    quick.hand_in(mail, (KIM,))
    assert [recipients(one) for one in quick.by_people()] == [[("to", JO)], [("to", KIM)]]


def test_html_images_and_files_go_with_it(office: Office) -> None:
    """HTML is made safe and keeps its own images, files are kept, importance too; a signature by the mail program speaks of another mail and stays behind."""
    ref = asked(office)
    mail = letter("See below.", X_Priority="1", **ANSWER)
    mail.add_alternative('<p onclick="x()">See <b>below</b>.<img src="cid:logo@laptop"><script>x()</script></p>', subtype="html")
    mail.get_payload()[1].add_related(PNG, "image", "png", cid="<logo@laptop>")  # type: ignore[union-attr, index]
    mail.add_attachment(b"a;b\n1;2\n", maintype="text", subtype="csv", filename="prices.csv")
    mail.add_attachment(b"0\x82", maintype="application", subtype="pkcs7-signature", filename="smime.p7s")
    office.hand_in(mail)
    (sent,) = office.by_people()
    sealed = office.bytes_of(sent.id)
    html = sealed.get_body(("html",))
    assert html is not None
    shown = html.get_content()
    assert "<b>below</b>" in shown and "onclick" not in shown and "script" not in shown and "@inline" in shown
    assert [one.get_filename() for one in sealed.iter_attachments()] == ["prices.csv"] and sealed["Importance"] == "high"
    assert any(part.get_content_type() == "image/png" for part in sealed.walk())
    with office.database.read() as connection:
        assert {row.shelf for row in connection.execute(select(stored_file.c.shelf))} == {office.item(ref).id}


def test_commands_are_carried_out_and_never_sent(quick: Office) -> None:
    """In its first lines they mean what they mean in an answer; what is told to the customer is the rest, and the agent gets the confirmation."""
    ref = asked(quick)
    quick.hand_in(letter("#resolve\n\nIt prints again.", **ANSWER))
    (sent,) = quick.by_people()
    assert "#" not in quick.text_of(sent.id).replace(f"[{ref}]", "") and "It prints again." in quick.text_of(sent.id)
    assert quick.item(ref).status is Status.RESOLVED and [one.purpose.value for one in quick.to_people()] == ["confirmation"]
    for n, (text, more) in enumerate((("#resolve", {}), ("#reslove\n\nFine.", {}), ("Fine.", {"subject": f"#resolve Re: [{ref}] Printer"}))):
        assert quick.hand_in(letter(text, id_=f"no{n}@laptop", **{**ANSWER, **more}))["outcome"] == "refused", text
    assert len(quick.by_people()) == 1


# ---------------------------------------------------------------- a new one


def test_a_mail_outside_any_item_begins_one(quick: Office) -> None:
    """The process of the mailbox, made by the agent, the recipient its requester, under way and the agent's; the answer to it joins."""
    quick.hand_in(letter("Your contract ends soon.", to=f"Jo Customer <{JO}>", Cc=KIM, subject="Contract"), (JO, KIM))
    (item,) = quick.items()
    assert (item.kind, item.title, item.status, item.assignee, item.created_by) == ("ticket", "Contract", Status.IN_PROGRESS, ANN, ANN)
    assert (item.connector, item.reply_from, item.home_queue, item.new_information) == ("support", SUPPORT, "First line", False)
    with quick.database.read() as connection:
        tags = {one.address: set(one.tags) for one in items.contacts_of(connection, (item.id,))[item.id]}
    assert {"primary", "requester"} <= tags[JO] and tags[KIM] == {"cc"}
    (sent,) = quick.by_people()
    assert quick.bytes_of(sent.id)["Subject"] == f"[{item.ref}] Contract" and "In-Reply-To" not in quick.bytes_of(sent.id)
    desk = quick.desk()
    page = desk.new_item(ANN, process="General support", title="Contract", category="Question", description="x", contacts=[JO, KIM], submit=True)["ref"]
    desk.mail(page, ANN, text="Your contract ends soon.", to=[f"Jo Customer <{JO}>"], cc=[KIM], subject="Contract")
    assert quick.shape(item.ref) == [line for line in quick.shape(page) if line[0] != "description"]
    taken = quick.take(a_raw(subject="Re: Contract", text="Yes?", headers=[f"In-Reply-To: <{sent.message_id}>"]))
    assert taken["items"] == [item.ref]


def test_a_case_from_its_mailbox(quick: Office) -> None:
    """A mailbox whose route opens cases begins a case, owned by whoever wrote."""
    quick.hand_in(letter("About your claim.", from_=CLAIMS, subject="Claim"), by=BOB)
    (item,) = quick.items()
    assert (item.kind, item.connector, item.owner) == ("case", "claims", BOB)


def test_a_blind_mail_shows_nobody(quick: Office) -> None:
    """Many blind recipients are no contacts of the new item; a single one is its requester."""
    quick.hand_in(letter(to="undisclosed-recipients:;", subject="News"), ("a@acme.example", "b@globex.example"))
    quick.hand_in(letter(to="undisclosed-recipients:;", subject="To you", id_="2@laptop"), (JO,))
    with quick.database.read() as connection:
        found = [[one.address for one in items.contacts_of(connection, (item.id,))[item.id]] for item in quick.items()]
    assert found == [[], [JO]]


# ---------------------------------------------------------------- held


def test_the_customer_wrote_meanwhile(quick: Office) -> None:
    """decisions.md 16: it waits, its author is asked by mail, and nothing happens to the item; the mail to the customer is not lost."""
    ref = asked(quick)
    quick.later(minutes=10)
    quick.take(a_raw(subject="Re: Printer", message_id="b@acme.example", text="Forget it.", headers=["In-Reply-To: <a@acme.example>"]))
    record = quick.hand_in(letter(**ANSWER))
    (sent,), (question,) = quick.by_people(), quick.to_people()
    assert (record["outcome"], sent.state.value, quick.item(ref).status) == ("held", "held", Status.TO_DO)
    assert question.purpose.value == "held_reply" and recipients(question) == [("to", ANN)]
    assert "Forget it." in quick.text_of(question.id) and "https://desk.demo.example/m/" in quick.text_of(question.id)
    quick.later(minutes=1)
    quick.hand_in(letter("Very well.", id_="2@laptop", In_Reply_To="<b@acme.example>"))
    assert quick.audit()[0]["outcome"] == "done", "this one answers the newest mail"


def test_a_colleague_answered_meanwhile(quick: Office) -> None:
    """The same where Bob has written since the mail that Ann answers; her own earlier answer is no reason."""
    ref = asked(quick)
    quick.hand_in(letter(**ANSWER))
    quick.later(minutes=1)
    assert quick.hand_in(letter("And this.", id_="2@laptop", **ANSWER))["outcome"] == "done"
    quick.desk().mail(ref, BOB, text="Done already.")
    quick.later(minutes=1)
    assert quick.hand_in(letter("And that.", id_="3@laptop", **ANSWER))["outcome"] == "held"
    assert "Bob Agent" in quick.text_of(quick.to_people()[-1].id)


@pytest.mark.parametrize("where", ["text", "html", "file"])
def test_a_piece_of_a_notification_is_held(quick: Office, where: str) -> None:
    """What we tell our people never reaches a customer by itself: in the text, in the HTML, or in a file, which then stays behind."""
    asked(quick)
    text, html = told("en", lead="Internal.", sections=(("Note by Bob", "He is a difficult one."),))
    mail = letter(f"Here.\n\n> {text}" if where == "text" else "Here.", **ANSWER)
    if where == "html":
        mail.add_alternative(html, subtype="html")
    if where == "file":
        mail.add_attachment(text.encode(), maintype="message", subtype="x", filename="told.eml")
    assert quick.hand_in(mail)["outcome"] == "held"
    (sent,) = quick.by_people()
    assert sent.state.value == "held" and not list(quick.bytes_of(sent.id).iter_attachments())


@pytest.mark.parametrize("where", ["address", "link", "wrapped", "html"])
def test_an_address_or_a_link_of_ours_is_held(quick: Office, where: str) -> None:
    """Whoever has them can try to act in the agent's place: they leave by nobody's oversight, with the marks around them taken away as well."""
    asked(quick)
    link = f"https://desk.demo.example/m/{quick.keys.link_token('abcdefghijklmnopqrstuvwxyz')}"
    address = f"support+{quick.keys.agent_tag('abcdefghijklmnopqrstuvwxyz')}@demo.example"
    said = {"address": f"Carl <{address}> wrote:", "link": link, "wrapped": f"https://safe.example/?url={quote(link, safe='')}&data=1", "html": "Here."}
    mail = letter(f"Here.\n\n{said[where]}", **ANSWER)
    if where == "html":
        mail.add_alternative(f'<p>Here.</p><p><a href="{link}">Here.</a></p>', subtype="html")
    assert quick.hand_in(mail)["outcome"] == "held"
    assert quick.hand_in(letter("See https://other.example/m/abcdefgh.abcdefghijklmnopqrstuvwxyz", id_="2@laptop", **ANSWER))["outcome"] == "done"


def test_held_on_a_new_item(quick: Office) -> None:
    """The new item is there, so that what waits is seen; it is nobody's until the mail leaves."""
    quick.hand_in(letter("Look:\n\n##- Write your answer above this line -##\n\nsecret", subject="Hello"))
    (item,) = quick.items()
    assert (item.status, item.assignee, quick.by_people()[0].state.value) == (Status.TO_DO, "", "held")
    assert quick.kinds(item.ref)[-1] == "mail_out"


# ---------------------------------------------------------------- refused, and told


def test_what_does_not_leave_is_told(quick: Office) -> None:
    """Nothing is lost after the 250: it is kept, on the audit list and on its item, and its author gets the reason and their own words, in their language."""
    asked(quick)
    quick.change(ANN, language="fr")
    mail = letter("Very private words.", **ANSWER)
    mail.add_attachment(b"MZ\x90\x00", maintype="application", subtype="octet-stream", filename="tool.exe")
    record = quick.hand_in(mail)
    assert (record["outcome"], quick.by_people()) == ("refused", [])
    (told,) = quick.to_people()
    said = quick.text_of(told.id)
    assert told.purpose.value == "refusal" and recipients(told) == [("to", ANN)]
    assert "Very private words." in said and "Votre message n’a pas été exécuté" in said
    assert quick.lines("101001-T")[-1].kind == "agent_mail" and quick.item("101001-T").status is Status.TO_DO
    with quick.database.read() as connection:
        assert not connection.execute(select(stored_file.c.id)).all()


@pytest.mark.parametrize(
    ("what", "mail", "to", "by"),
    [
        ("an item out of sight", letter(**ANSWER, from_=CLAIMS), (JO,), "x@demo.example"),
        ("from a mailbox that is not theirs", letter(from_=CLAIMS), (JO,), ANN),
        ("from nobody", letter(from_="a@b.example"), (JO,), ANN),
        ("from two", letter(from_=f"{SUPPORT}, {CLAIMS}"), (JO,), BOB),
        ("from a person to the outside", letter(from_=ANN), (JO,), ANN),
        ("encrypted", b"", (JO,), ANN),
        ("automatic", letter(Auto_Submitted="auto-generated"), (JO,), ANN),
        ("too long", letter("x" * 70 + ("\n" + "y" * 70) * 3_000), (JO,), ANN),
        ("nothing to say", letter(" "), (JO,), ANN),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_what_is_refused(quick: Office, what: str, mail: Any, to: tuple[str, ...], by: str) -> None:
    """Each is kept and answered; no mail to anybody else, no item."""
    asked(quick)
    setup = quick.setups_now()
    quick.configure(replace(setup, users=(*setup.users, User("u-x", "x@demo.example", "Xaver", Role.AGENT, "", ("Claims",)))))
    if what == "encrypted":
        mail = b"From: support@demo.example\r\nTo: jo@acme.example\r\nMessage-ID: <1@laptop>\r\nMIME-Version: 1.0\r\n"
        mail += b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b\r\n\r\n'
        mail += b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n"
        mail += b"-----BEGIN PGP MESSAGE-----\r\nx\r\n-----END PGP MESSAGE-----\r\n--b--\r\n"
    before = len(quick.outbox())
    assert quick.hand_in(mail, to, by=by)["outcome"] == "refused"
    assert quick.by_people() == [] and len(quick.items()) == 1
    assert [one.purpose.value for one in quick.outbox()[before:]] == ["refusal"]


def test_automatic_answers_of_a_mail_program_are_nobodys(quick: Office) -> None:
    """An out-of-office by the agent's own program does not leave, and nobody is told: nothing can loop."""
    asked(quick)
    assert quick.hand_in(letter("I am away.", Auto_Submitted="auto-replied", **ANSWER))["outcome"] == "ignored"
    assert quick.by_people() == [] and quick.to_people() == []


def test_refusals_are_not_told_without_end(quick: Office) -> None:
    """`refusals_per_hour`: what is refused beyond is on the list only."""
    for n in range(12):
        quick.hand_in(letter(from_=CLAIMS, id_=f"{n}@laptop"))
    assert len(quick.to_people()) == 10 and len(quick.audit()) == 12


def test_somebody_who_left_meanwhile(quick: Office) -> None:
    """Between the 250 and the reading: nothing leaves, and there is nobody to tell."""
    quick.configure(replace(quick.setups_now(), users=tuple(one for one in quick.setups_now().users if one.email != ANN)))
    assert quick.hand_in(letter())["reason"] == "left"
    assert quick.outbox() == [] and quick.items() == []


# ---------------------------------------------------------------- once


def test_handed_in_twice(office: Office) -> None:
    """The answer to it was lost, and the mail program hands it in again: it leaves once; another text, other people, another user are another mail."""
    asked(office)
    assert [office.hand_in(letter(**ANSWER), (JO, SUPPORT))["outcome"] for _ in range(2)] == ["done", "ignored"]
    assert len(office.by_people()) == 1 and office.audit()[0]["reason"] == "copy"
    office.later(minutes=1)
    for mail, to, by in ((letter("Another.", **ANSWER), (JO,), ANN), (letter(**ANSWER), (JO, KIM), ANN), (letter(**ANSWER), (JO,), BOB)):
        assert office.hand_in(mail, to, by=by)["outcome"] != "ignored"


def test_handed_in_twice_at_once(office: Office) -> None:
    """Two workers read both copies at the same moment: one of them makes the mail."""
    asked(office)
    ids = [office.put(letter(**ANSWER), (JO,)) for _ in range(2)]
    start = threading.Barrier(2)

    def read(inbound_id: str) -> None:
        processor = office.processor(inbound_id)
        start.wait()
        processor.process([inbound_id])

    threads = [threading.Thread(target=read, args=(one,)) for one in ids]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    office.processor().sweep()
    assert len(office.by_people()) == 1 and sorted(one["outcome"] for one in office.audit()) == ["done", "ignored"]


def test_undo_is_the_persons_own(quick: Office) -> None:
    """`by_mail.undo` says how long it waits."""
    quick.change(ANN, by_mail=ByMail(undo=timedelta(0)))
    quick.hand_in(letter())
    assert quick.by_people()[0].due_at == quick.clock.now()
