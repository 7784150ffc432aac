"""Our mail through Postfix into Dovecot: its structure and thread by IMAP, reports that come back, a server that dies meanwhile; other stories: `test_out_real.py`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from core.setup import Setup
from gateway.bootstrap import House
from gateway.desk_uploads import Upload
from gateway.inbound.parse import parse
from tests import dovecot
from tests.conftest import missing
from tests.dovecot import Dovecot
from tests.flow.real import a_port, impatient, running, wait_until_quiet
from tests.flow.told import ANN, CARL, DESK, ROOT, letter
from tests.houses import wait_for
from tests.postfix import Postfix, missing_reason

GONE = "gone@acme.example"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60
PAPER = bytes(range(256)) * 40
NAME = "Übersicht für März 2026, mit einem recht langen Namen (endgültig).bin"


@pytest.fixture
def customer(tmp_path: Path, example_setup: Setup) -> Iterator[tuple[House, Postfix, Dovecot]]:
    """A house, the mail server between, and the mailbox of Carl."""
    if missing_reason() or dovecot.missing_reason():
        missing(missing_reason() or dovecot.missing_reason())
    door = a_port()
    with Dovecot(users=(CARL,)) as mailbox:
        relay: dict[str, int | str] = {"demo.example": door, "acme.example": f"lmtp:inet:127.0.0.1:{mailbox.lmtp}"}
        with (
            Postfix(relay=relay, mailboxes=["unused.example"]) as server,
            running(tmp_path / "house", impatient(example_setup), door=door, out=server.port) as house,
        ):
            yield house, server, mailbox


def an_item(house: House) -> str:
    return str(house.desk.new_item(ANN, process="General support", title="Printer", description="No ink.", category="Question", contacts=[CARL], submit=True)["ref"])


def fetched(mailbox: Dovecot, count: int) -> list[tuple[bytes, str]]:
    """The mails of Carl's INBOX with what IMAP says of their structure, once there are that many."""

    def look() -> list[tuple[bytes, str]]:
        with mailbox.client(CARL) as client:
            client.select("INBOX", readonly=True)
            found = [line for line in client.fetch("1:*", "(BODYSTRUCTURE BODY.PEEK[])")[1] if isinstance(line, tuple)] if client.search(None, "ALL")[1][0] else []
            return [(raw, head.decode()) for head, raw in found] if len(found) >= count else []

    return wait_for(look, f"{count} mails in the mailbox\n{mailbox.log()}")  # type: ignore[no-any-return]


def threads(mailbox: Dovecot) -> str:
    """THREAD=REFERENCES of the INBOX (RFC 5256)."""
    with mailbox.client(CARL) as client:
        client.select("INBOX", readonly=True)
        return bytes(client.thread("REFERENCES", "UTF-8", "ALL")[1][0]).decode()


def read_everywhere(raw: bytes) -> Any:
    """Nothing that the standard library or our own reader finds wrong."""
    mail = message_from_bytes(raw, policy=default)
    assert parse(raw).defects == () and not [defect for part in mail.walk() for defect in part.defects]
    return mail


def test_the_customers_program_reads_and_threads_our_mail(customer: tuple[House, Postfix, Dovecot]) -> None:
    """A question, its acknowledgement, an answer in HTML with a picture and a file, the mail handed on whole, and the customer's answer to that: Dovecot sees each
    part as what it is, the files are the same bytes, and all of it is one thread at the customer and one item here."""
    house, server, mailbox = customer
    question = letter("Hot pump", "It is hot.", message_id="q1@acme.example")
    mailbox.deliver(CARL, question)
    server.submit(CARL, [DESK], question)
    wait_for(lambda: house.desk.list_items(ROOT), "the ticket")
    ref = str(house.desk.list_items(ROOT)[0]["ref"])
    fetched(mailbox, 2)
    picture = f'<img src="data:image/png;base64,{b64encode(PNG).decode()}" alt="a pump">'
    house.desk.mail(ref, ANN, kind="reply", quote=True, html=f"<p>Größe: <b>zwei</b>.</p>{picture}", attach=[Upload(NAME, PAPER)], undo=timedelta(0))
    fetched(mailbox, 3)
    asked = next(line["inbound_id"] for line in house.desk.show(ref, ROOT)["timeline"] if line["kind"] == "mail_in")
    house.desk.mail(ref, ANN, kind="forward", about=asked, as_attachment=True, to=[CARL], text="For you.", undo=timedelta(0))
    found = fetched(mailbox, 4)

    answer, structure = next((read_everywhere(raw), head) for raw, head in found if b"multipart/related" in raw)
    for kind in ('"text" "plain"', '"text" "html"', '"alternative"', '"image" "png"', '"related"', '"application" "octet-stream"', '"mixed"', '"inline"', '"attachment"'):
        assert kind in structure.lower(), structure
    (image,) = [part for part in answer.walk() if part.get_content_type() == "image/png"]
    (paper,) = list(answer.iter_attachments())
    assert image.get_content() == PNG and f"cid:{image['Content-ID'].strip('<>')}" in answer.get_body(("html",)).get_content()
    assert (paper.get_content(), paper.get_filename()) == (PAPER, NAME) and "Größe: zwei." in answer.get_body(("plain",)).get_content()
    handed_on, structure = next((read_everywhere(raw), head) for raw, head in found if b"message/rfc822" in raw)
    assert '"message" "rfc822"' in structure.lower() and "hot pump" in structure.lower()
    assert next(part for part in handed_on.walk() if part["Message-ID"] == "<q1@acme.example>").get_content().strip() == "It is hot."

    reply = EmailMessage()
    reply["From"], reply["To"], reply["Subject"], reply["Message-ID"] = CARL, answer["From"], answer["Subject"], "<q2@acme.example>"
    reply["In-Reply-To"], reply["References"] = answer["Message-ID"], f"{answer['References']} {answer['Message-ID']}"
    reply.set_content("Better now.\n")
    mailbox.deliver(CARL, reply.as_bytes(policy=default.clone(linesep="\r\n")))
    server.submit(CARL, [DESK], reply.as_bytes())
    wait_until_quiet(house)
    wait_for(lambda: "Better now." in str(house.desk.show(ref, ROOT)["timeline"]), "the answer joins the item")
    thread = threads(mailbox)
    assert thread.count("(") == thread.count(")") and thread.startswith("(1 ") and not thread.endswith(")(") and _trees(thread) == 1, thread
    assert len(house.desk.list_items(ROOT)) == 1


def _trees(thread: str) -> int:
    """How many threads there are: groups of brackets that stand by themselves."""
    depth = count = 0
    for char in thread:
        depth += {"(": 1, ")": -1}.get(char, 0)
        count += char == "(" and depth == 1
    return count


@pytest.mark.parametrize("gone", [GONE, "josé@acme.example"])
def test_a_report_with_nothing_but_the_header_finds_its_mail(tmp_path: Path, example_setup: Setup, gone: str) -> None:
    """RFC 3461, also in the form of RFC 6533 for an address beyond ASCII: we ask for RET=HDRS, Postfix returns
    the header alone to the mailbox (no plus-addresses here), and the signed Message-ID in it names the mail."""
    if missing_reason():
        missing(missing_reason())
    door = a_port()
    with (
        Postfix(mailboxes=["acme.example"], refuse={gone: "550 5.1.1 no such user here"}) as next_hop,
        Postfix(relay={"acme.example": next_hop.port, "demo.example": door}, mailboxes=["unused.example"]) as server,
        running(tmp_path / "house", impatient(example_setup), door=door, out=server.port) as house,
    ):
        mail = str(house.desk.mail(an_item(house), ANN, text="A secret of the body.", to=[gone], undo=timedelta(0))["id"])
        wait_for(lambda: house.desk.show_outbox(mail, ROOT)["state"] == "bounced", f"the report is tied to its mail\n{server.log()}")
        (person,) = house.desk.show_outbox(mail, ROOT)["recipients"]
        assert person["outcome"] == "bounced" and "no such user here" in person["words"]
        (came,) = house.desk.list_inbound(ROOT)
        raw = house.desk.raw_inbound(came["id"], ROOT)
    assert (b"text/rfc822-headers" if gone.isascii() else b"message/global-headers") in raw and b"A secret of the body." not in raw and came["envelope_to"] == [DESK]
    assert f"Original-Envelope-Id: {mail}".encode() in raw and f"Original-Recipient: rfc822;{gone}".encode() in raw


def test_a_server_that_dies_in_the_middle_of_many_mails(tmp_path: Path, example_setup: Setup) -> None:
    """Postfix is killed twice while sixty mails leave: each arrives, a second time only where its history says that an outcome was unknown."""
    if missing_reason():
        missing(missing_reason())
    with (
        Postfix(mailboxes=["acme.example"]) as server,
        running(tmp_path / "house", impatient(example_setup), door=a_port(), out=server.port) as house,
    ):
        ref = an_item(house)
        mails = [str(house.desk.mail(ref, ANN, text=f"Mail {n}.", to=[CARL], undo=timedelta(0))["id"]) for n in range(60)]
        for part in (5, 25):
            wait_for(lambda part=part: len(server.mails()) >= part, "some have arrived")  # type: ignore[misc]
            server.restart()
        wait_until_quiet(house)
        shown = [house.desk.show_outbox(one, ROOT) for one in mails]
        assert {one["state"] for one in shown} == {"sent"}
        kept = wait_for(lambda: len(server.mails()) >= 60 and [str(mail["Message-ID"]) for mail in server.mails()], f"all have arrived\n{server.queue()}")
        unknown = {f"<{one['message_id']}>" for one in shown if "unknown" in str(one["history"])}
        assert {f"<{one['message_id']}>" for one in shown} == set(kept)
        assert {one for one in kept if kept.count(one) > 1} <= unknown
