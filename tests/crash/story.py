"""The story that is interrupted everywhere: mail in, acknowledgement, answer, reply, resolve, reopen, close, new item; and what must be true of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.crash.played import Played

CUSTOMER = "carl@acme.example"
DESK = "support@demo.example"


def mail(n: int, subject: str, text: str, in_reply_to: str = "") -> bytes:
    """A customer's mail, the same bytes each time it is asked for."""
    thread = f"In-Reply-To: {in_reply_to}\r\nReferences: {in_reply_to}\r\n" if in_reply_to else ""
    return (
        f"From: Carl Customer <{CUSTOMER}>\r\nTo: {DESK}\r\nSubject: {subject}\r\nMessage-ID: <story-{n}@acme.example>\r\n"
        f"Date: Mon, 02 Mar 2026 09:00:0{n} +0000\r\n{thread}"
        "Authentication-Results: mx.demo.example; dmarc=pass header.from=acme.example\r\n\r\n" + text + "\r\n"
    ).encode()


def tell(played: Played) -> str:
    """Play the whole story; returns the reference of the first ticket."""
    played.deliver(CUSTOMER, DESK, mail(1, "Printer on fire", "It burns."))
    played.until(lambda: len(played.sink.raw) >= 1)  # only what has left is known outside: a power cut may change the reference before
    ref = str(played.ask("items")[0]["ref"])

    played.ask("answer", ref, "Please pour water.", False)
    played.until(lambda: _sent_with(played, "Please pour water."))
    answer = _message_id_of(played, "Please pour water.")

    played.deliver(CUSTOMER, DESK, mail(2, "Re: Printer on fire", "Water did not help.", answer))
    played.until(lambda: _mails_in(played, ref) == 2)

    played.ask("answer", ref, "We sent a new printer.", True)
    played.until(lambda: _sent_with(played, "We sent a new printer."))
    played.until(lambda: _status(played, ref) == "resolved")
    resolution = _message_id_of(played, "We sent a new printer.")

    played.deliver(CUSTOMER, DESK, mail(3, "Re: Printer on fire", "That one burns too.", resolution))
    played.until(lambda: _mails_in(played, ref) == 3)
    assert _status(played, ref) == "to_do", "a reply within the feedback window reopens"

    played.ask("do", ref, "resolve", "resolved", {"method": "no_customer_response", "note": "Asked the fire brigade."})
    assert _status(played, ref) == "resolved"
    played.later(days=6)
    played.until(lambda: _status(played, ref) == "closed", hours=1)

    played.deliver(CUSTOMER, DESK, mail(4, "Re: Printer on fire", "And again.", resolution))
    played.until(lambda: len(played.ask("items")) == 2)
    played.until(lambda: all(entry["state"] in ("sent", "failed", "cancelled") for entry in played.ask("outbox")))
    return ref


def check(played: Played, ref: str) -> None:
    """Nothing lost, nothing doubled, and a second send only in the one gap that cannot be closed."""
    played.pump()
    items = {entry["ref"]: entry for entry in played.ask("items")}
    assert len(items) == 2, items
    assert items[ref]["status"] == "closed"
    (follow_up,) = [entry for entry in items.values() if entry["ref"] != ref]
    assert follow_up["status"] == "to_do"

    assert _mail_ids_in(played, ref) == Counter({f"story-{n}@acme.example": 1 for n in (1, 2, 3)})
    assert _mail_ids_in(played, str(follow_up["ref"])) == Counter({"story-4@acme.example": 1})
    assert {entry["state"] for entry in played.ask("inbound")} <= {"done", "duplicate"}

    outbox = played.ask("outbox")
    texts = Counter(_kind(entry) for entry in outbox)
    assert texts == Counter({"acknowledgement": 2, "person": 2}), texts
    known = {f"<{entry['message_id']}>": entry for entry in outbox}
    sent = played.sink.times_sent()
    assert set(sent) == set(known), "every mail that left is one of the outbox, and every one of the outbox left"
    for message_id, times in sent.items():
        history = known[message_id]["history"]
        assert times == 1 or (times == 2 and _was_unknown(history)), f"{message_id} was sent {times} times; history {history}"
    assert sum(times - 1 for times in sent.values()) <= 1
    for message_id in sent:
        copies = {raw for raw in played.sink.raw if message_id.encode() in raw.partition(b"\r\n\r\n")[0].split(b"In-Reply-To")[0]}
        assert len(copies) <= 1, "a repeat has the same bytes"


def _was_unknown(history: list[str]) -> bool:
    return any("unknown" in line for line in history)


def _kind(entry: dict[str, Any]) -> str:
    return "acknowledgement" if entry["system_generated"] else "person"


def _sent_with(played: Played, text: str) -> bool:
    return any(text in str(mail.get_payload(decode=True)) for mail in played.sink.mails)


def _message_id_of(played: Played, text: str) -> str:
    return next(str(mail["Message-ID"]) for mail in played.sink.mails if text in str(mail.get_payload(decode=True)))


def _status(played: Played, ref: str) -> str:
    return str(played.ask("item", ref)["status"])


def _mail_ids_in(played: Played, ref: str) -> Counter[str]:
    return Counter(str(entry["message_id"]) for entry in played.ask("item", ref)["timeline"] if entry["kind"] == "mail_in")


def _mails_in(played: Played, ref: str) -> int:
    return sum(_mail_ids_in(played, ref).values())
