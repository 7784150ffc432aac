"""One day at a desk, lived twice: by mail alone, over real servers and mailboxes, and on the page; what happens in it and what is expected is `test_day.py`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Protocol

from core.setup import Setup
from gateway.bootstrap import House, open_house
from gateway.clock import FakeClock
from gateway.desk import Desk
from gateway.inbound.port import Arrival, Stored
from tests.dovecot import Dovecot
from tests.flow.real import database_in, prove_plus_addresses, with_plus_addresses
from tests.houses import furnish, sending_to, settings_for, url_of, wait_for
from tests.ports import free_port
from tests.postfix import Postfix
from tests.sink import Sink

ANN, BOB, LEA, ROOT = "ann@demo.example", "bob@demo.example", "lea@demo.example", "root@demo.example"
CARL, GINA = "carl@acme.example", "gina@globex.example"
DESK = "support@demo.example"
GONE = "geo@globex.example"
"""Here is no mailbox any more."""
AGENTS, CUSTOMERS = (ANN, BOB, LEA), (CARL, GINA)
NAMES = {ANN: "Ann Agent", BOB: "Bob Agent", LEA: "Lea Leader", CARL: "Carl Customer", GINA: "Gina Globex"}
PUBLIC_URL = "https://desk.demo.example"

File = tuple[str, bytes]
Page = Callable[[Desk], object]
"""What somebody does on the page who does not do it by mail."""


def called(address: str) -> str:
    """`carl` for carl@acme.example."""
    return address.partition("@")[0]


class Day(Protocol):
    """What can happen in it; everything due happens before a call returns."""

    house: House
    clock: FakeClock

    def writes(self, who: str, subject: str, text: str, *, to: str = DESK) -> None: ...

    def answers(self, who: str, text: str, *, files: Iterable[File] = (), reply_to: str = "") -> None: ...

    def does(self, who: str, text: str, page: Page, *, told: int = -1) -> None: ...

    def hands_on(self, who: str, text: str) -> None: ...

    def later(self, **delta: float) -> None: ...


@dataclass
class Written:
    """Mails as people's programs write them, numbered by who wrote them."""

    clock: FakeClock
    count: dict[str, int] = field(default_factory=dict)

    def new(self, who: str, subject: str, text: str, to: str) -> EmailMessage:
        n = self.count[who] = self.count.get(who, 0) + 1
        mail = EmailMessage(policy=policy.SMTP)
        mail["From"], mail["To"], mail["Subject"] = f"{NAMES[who]} <{who}>", to, subject
        mail["Date"], mail["Message-ID"] = format_datetime(self.clock.now()), f"<{called(who)}.writes.{n}@{who.partition('@')[2]}>"
        mail.set_content(text + "\n")
        return mail

    def answer(self, who: str, told: EmailMessage, text: str, files: Iterable[File] = (), reply_to: str = "") -> EmailMessage:
        """The person's words above the whole mail, quoted; to where it wants to be answered."""
        body = told.get_body(("plain",))
        assert body is not None
        quoted = "\n".join(f"> {line}".rstrip() for line in body.get_content().splitlines())
        below = f"On {told['Date'].datetime:%d/%m/%Y, %H:%M}, {told['From'].addresses[0].display_name} wrote:\n{quoted}"
        made = self.new(who, f"Re: {str(told['Subject']).removeprefix('Re: ')}", f"{text}\n\n{below}", str(told["Reply-To"] or told["From"]))
        if reply_to:
            made["Reply-To"] = reply_to
        made["In-Reply-To"] = str(told["Message-ID"])
        made["References"] = f"{told['References'] or ''} {told['Message-ID']}".strip()
        for name, content in files:
            made.add_attachment(content, maintype="image", subtype="png", filename=name)
        return made

    def handed_on(self, who: str, told: EmailMessage, text: str) -> EmailMessage:
        """A mail that lies in their mailbox, forwarded to the desk."""
        body = told.get_body(("plain",))
        assert body is not None
        header = "\n".join(f"{name}: {told[name]}" for name in ("Subject", "Date", "From", "To"))
        return self.new(who, f"Fwd: {told['Subject']}", f"{text}\n\n-------- Forwarded Message --------\n{header}\n\n{body.get_content().rstrip()}", DESK)


def read(raw: bytes) -> EmailMessage:
    found = message_from_bytes(raw, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def open_day(folder: Path, setup: Setup, clock: FakeClock, *, door: int, out: int) -> House:
    """A house that does nothing by itself; its mails leave by `out`."""
    database = database_in(folder)
    furnish(folder, database, sending_to(with_plus_addresses(setup), out))
    database.dispose()
    sections: dict[str, Any] = {
        "smtp": {"host": "127.0.0.1", "port": door, "hostname": "mx.demo.example"},
        "web": {"port": 0, "public_url": PUBLIC_URL},
        "broker": {"url": "drop://"},
    }
    house = open_house(settings_for(folder, url_of(database), **sections), clock=clock)
    prove_plus_addresses(house)
    return house


def roles(house: House, clock: FakeClock) -> None:
    """What the roles of the service do, once, in turn."""
    house.processor.sweep()
    house.scheduler.tick(clock.now())
    house.notifier.run_due(clock.now())
    house.dispatcher.run_due()


# ---------------------------------------------------------------- by mail


class MailDay:
    """Nobody opens a page: everybody reads their mailbox by IMAP and writes through a mail server that says whose mail it believes."""

    def __init__(self, house: House, clock: FakeClock, server: Postfix, boxes: Dovecot) -> None:
        self.house, self.clock = house, clock
        self._server, self._boxes = server, boxes
        self._written = Written(clock)

    def writes(self, who: str, subject: str, text: str, *, to: str = DESK) -> None:
        self._submit(who, self._written.new(who, subject, text, to))

    def answers(self, who: str, text: str, *, files: Iterable[File] = (), reply_to: str = "") -> None:
        self._submit(who, self._written.answer(who, self.box(who)[-1], text, files, reply_to))

    def does(self, who: str, text: str, page: Page, *, told: int = -1) -> None:
        """They answer a notification, the newest if nothing is said."""
        notices = [mail for mail in self.box(who) if mail["List-Unsubscribe"]]
        self._submit(who, self._written.answer(who, notices[told], text))

    def hands_on(self, who: str, text: str) -> None:
        """They forward the newest mail that is not by the desk."""
        told = [mail for mail in self.box(who) if mail["From"].addresses[0].addr_spec != DESK][-1]
        self._submit(who, self._written.handed_on(who, told, text))

    def later(self, **delta: float) -> None:
        self.clock.advance(**delta)
        self._goes_on()

    def box(self, who: str) -> list[EmailMessage]:
        """What lies in somebody's mailbox, oldest first; of one moment what answers another after it: the server in between may deliver them in any order."""
        with self._boxes.client(who) as client:
            client.select("INBOX", readonly=True)
            if not client.search(None, "ALL")[1][0]:
                return []
            found = [read(line[1]) for line in client.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(line, tuple)]
        return sorted(found, key=lambda mail: (mail["Date"].datetime, len(str(mail["References"] or "").split())))

    def _submit(self, who: str, mail: EmailMessage) -> None:
        self._server.submit(who, [address.addr_spec for address in mail["To"].addresses], mail.as_bytes())
        self._goes_on()

    def _goes_on(self) -> None:
        self._arrived()
        roles(self.house, self.clock)
        self.clock.advance(seconds=2)
        self._arrived()
        roles(self.house, self.clock)
        self._arrived()

    def _arrived(self) -> None:
        """The mail server has nothing left: all is in the mailboxes, or at our door."""
        wait_for(lambda: not self._server.queue(), f"all mail has arrived\n{self._server.log()}")


@contextmanager
def by_mail(folder: Path, setup: Setup, clock: FakeClock) -> Iterator[MailDay]:
    """The servers and the house, its door open."""
    door = free_port()
    with Dovecot(users=(*AGENTS, *CUSTOMERS)) as boxes:
        place = f"lmtp:inet:127.0.0.1:{boxes.lmtp}"
        relay: dict[str, int | str] = {"demo.example": door, **dict.fromkeys((*AGENTS, "acme.example", "globex.example"), place)}
        believed = "".join(f"{who} PREPEND Authentication-Results: mx.demo.example; dmarc=pass header.from={who.partition('@')[2]}\n" for who in NAMES)
        settings = {"smtpd_sender_restrictions": "check_sender_access texthash:$config_directory/believed", "default_destination_concurrency_limit": "1"}
        with Postfix(relay=relay, mailboxes=["unused.example"], refuse={GONE: "550 5.1.1 no such mailbox"}, settings=settings, files={"believed": believed}) as server:
            house = open_day(folder, setup, clock, door=door, out=server.port)
            smtp = house.smtp_door()
            smtp.start()
            try:
                yield MailDay(house, clock, server, boxes)
            finally:
                smtp.stop()
                house.close()


# ---------------------------------------------------------------- on the page


class PageDay:
    """The same people, but the agents use the page; customers write as before."""

    def __init__(self, house: House, clock: FakeClock, sink: Sink) -> None:
        self.house, self.clock = house, clock
        self._sink = sink
        self._written = Written(clock)
        self._kept: dict[str, EmailMessage] = {}

    def writes(self, who: str, subject: str, text: str, *, to: str = DESK) -> None:
        mail = self._written.new(who, subject, text, to)
        if to == DESK:
            self._comes(who, mail)
        else:
            self._kept[mail["To"].addresses[0].addr_spec] = mail
            self._goes_on()

    def answers(self, who: str, text: str, *, files: Iterable[File] = (), reply_to: str = "") -> None:
        theirs = [raw for raw, to in zip(self._sink.raw, self._sink.recipients, strict=True) if who in to]
        self._comes(who, self._written.answer(who, read(theirs[-1]), text, files, reply_to))

    def does(self, who: str, text: str, page: Page, *, told: int = -1) -> None:
        page(self.house.desk)
        self._goes_on()

    def hands_on(self, who: str, text: str) -> None:
        """There is no other way: the mail lies in their own mailbox."""
        self._comes(who, self._written.handed_on(who, self._kept[who], text))

    def later(self, **delta: float) -> None:
        self.clock.advance(**delta)
        self._goes_on()

    def _comes(self, who: str, mail: EmailMessage) -> None:
        believed = f"Authentication-Results: mx.demo.example; dmarc=pass header.from={who.partition('@')[2]}\r\n".encode()
        to = tuple(address.addr_spec for address in mail["To"].addresses)
        answer = self.house.intake.accept(Arrival(believed + mail.as_bytes(), "smtp", self.clock.now(), who, to))
        assert isinstance(answer, Stored), answer
        self._goes_on()

    def _goes_on(self) -> None:
        roles(self.house, self.clock)
        self.clock.advance(seconds=2)
        roles(self.house, self.clock)


@contextmanager
def on_the_page(folder: Path, setup: Setup, clock: FakeClock) -> Iterator[PageDay]:
    """The house and what stands for the outside world."""
    sink = Sink()
    sink.refused[GONE] = f"550 5.1.1 <{GONE}>: Recipient address rejected: no such mailbox"
    house = open_day(folder, setup, clock, door=0, out=sink.port)
    try:
        yield PageDay(house, clock, sink)
    finally:
        house.close()
        sink.stop()


# ---------------------------------------------------------------- what is looked at


@dataclass(frozen=True)
class Seen:
    """A mail as it lies in a mailbox; `answers` (In-Reply-To) and `thread` (References) are names of mails, `(lost)` for one that is in no mailbox."""

    from_: str
    to: str
    subject: str
    answers: str
    thread: str
    text: str
    cc: str = ""
    files: str = ""


def named(boxes: dict[str, list[EmailMessage]]) -> dict[str, str]:
    """Message-ID → `carl.writes.1` for what people wrote, `2.to.carl` for the second mail in Carl's mailbox."""
    found: dict[str, str] = {}
    for who, mails in boxes.items():
        for number, mail in enumerate(mails, 1):
            message_id = str(mail["Message-ID"])
            found.setdefault(message_id, message_id[1:].partition("@")[0] if ".writes." in message_id else f"{number}.to.{called(who)}")
    return found


def seen(mail: EmailMessage, names: dict[str, str]) -> Seen:
    def name_of(message_id: str) -> str:
        return names.get(message_id) or (message_id[1:].partition("@")[0] if ".writes." in message_id else "(lost)")

    body = mail.get_body(("plain",))
    assert body is not None
    return Seen(
        str(mail["From"]),
        str(mail["To"]),
        str(mail["Subject"]),
        name_of(str(mail["In-Reply-To"])) if mail["In-Reply-To"] else "",
        " ".join(name_of(one) for one in str(mail["References"] or "").split()),
        plain(body.get_content()),
        str(mail["Cc"] or ""),
        " ".join(str(part.get_filename()) for part in mail.iter_attachments()),
    )


def plain(text: str) -> str:
    """Without what is different each time: what is signed in links and addresses, and how the server says that it took a mail."""
    text = re.sub(rf"{PUBLIC_URL}/m/[\w.-]+", "LINK", text.replace("\r\n", "\n"))
    text = re.sub(r"^250 2\.0\.0 (Ok: queued as \w+|taken)$", "TAKEN", text)
    return re.sub(r"support\+[\w.-]+@", "support+SIGNED@", text).strip("\n")


BY_NATURE = ("seq", "outbox_id", "inbound_id", "by_mail", "message_id", "id", "version")


def comparable(shown: dict[str, Any]) -> dict[str, Any]:
    """An item with its timeline, without ids and counts; what a mail by an agent did stands there as if done on the page, so the line that keeps the mail is left out."""
    lines = [line for line in shown["timeline"] if line["kind"] != "agent_mail"]
    found: dict[str, Any] = _without_ids({**shown, "timeline": lines})
    return found


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_ids(one) for name, one in value.items() if name not in BY_NATURE}
    if isinstance(value, list):
        return [_without_ids(one) for one in value]
    return plain(value) if isinstance(value, str) else value
