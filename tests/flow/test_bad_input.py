"""Hostile and broken mails through the whole house: each ends as an item with what could be read, or is refused with a sentence; the next mail is served."""

from __future__ import annotations

import pytest

from gateway.bootstrap import House
from gateway.clock import FakeClock
from gateway.inbound.port import Arrival, Refused, Stored
from tests.flow.told import CARL, DESK, ROOT, Told, letter
from tests.sink import Sink

HEAD = b"From: Carl <carl@acme.example>\r\nTo: support@demo.example\r\nSubject: Bad\r\nMessage-ID: <bad@acme.example>\r\nMIME-Version: 1.0\r\n"


def parts(n: int) -> bytes:
    """A multipart of `n` small text parts."""
    return HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\nContent-Type: text/plain\r\n\r\npart\r\n" * n + b"--b--\r\n"


def levels(n: int) -> bytes:
    """Multiparts in multiparts, `n` deep."""
    opening = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level) for level in range(n))
    return HEAD + opening + b"Content-Type: text/plain\r\n\r\ndeep\r\n"


def large(size: int) -> bytes:
    """A mail with one attachment so that the whole has about `size` bytes."""
    head = HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee attached.\r\n--b\r\n'
    head += b'Content-Type: application/zip; name="a.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return head + (b"QUJD" * 18 + b"QUJD\r\n") * ((size - len(head)) // 78) + b"--b--\r\n"


BAD = {
    "empty": b"",
    "only a line end": b"\r\n",
    "no header at all": b"\r\nJust text.\r\n",
    "a header line of a megabyte": HEAD + b"X-Long: " + b"x" * 2**20 + b"\r\n\r\nText.\r\n",
    "a subject of a megabyte": HEAD.replace(b"Subject: Bad", b"Subject: " + b"s" * 2**20) + b"\r\nText.\r\n",
    "ten thousand parts": parts(10_000),
    "five thousand levels": levels(5_000),
    "NUL bytes everywhere": HEAD.replace(b"Bad", b"B\0a\0d").replace(b"Carl <", b"Ca\0rl <") + b"\r\nText\0with\0NUL.\r\n",
    "an unknown charset": HEAD + b"Content-Type: text/plain; charset=x-no-such-thing\r\n\r\ncaf\xe9\r\n",
    "a codec that is none": HEAD + b"Content-Type: text/plain; charset=hex\r\n\r\nzz\r\n",
    "a lying charset": HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\ncaf\xe9 \xff\xfe\r\n",
    "header injection in a display name": HEAD.replace(b"Carl <", b"=?utf-8?q?Carl=0D=0ABcc:_evil=40x.example=0D=0A?= <") + b"\r\nText.\r\n",
    "malformed address lists": HEAD.replace(b"To: support@demo.example", b'To: "a" <b@, <<c>>, d@e@f, group: g@h;, (\xff) i@j') + b"\r\nText.\r\n",
    "five thousand recipients in To": HEAD.replace(b"To: support", b"To: " + b", ".join(b"u%d@x.example" % n for n in range(5000)) + b", support") + b"\r\nText.\r\n",
    "lone surrogates and controls": HEAD + b"Content-Type: text/plain; charset=utf-16\r\n\r\n\x00\xd8\x01\x00\x1b\x00\r\n",
}


@pytest.fixture
def told(house: House, sink: Sink, clock: FakeClock) -> Told:
    """The house with short words."""
    return Told(house, sink, clock)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_mail_becomes_an_item_and_the_next_one_is_served(told: Told, name: str) -> None:
    """Whatever the bytes: an item with what could be read and the raw mail kept; nothing is quarantined, nothing crashes, nobody waits."""
    bad = told.comes_in(BAD[name])
    told.comes_in(letter("Good", "Fine.", message_id="good@acme.example"))
    states = {one["id"]: one["state"] for one in told.house.desk.list_inbound(ROOT)}
    assert states[bad] == "done", told.house.desk.show_inbound(bad, ROOT)
    assert told.house.desk.raw_inbound(bad, ROOT) == BAD[name]
    assert "Good" in [item["title"] for item in told.items()]
    for mail in told.sink.mails:
        assert mail["Bcc"] is None and "\n" not in str(mail["To"]).replace("\n ", "")


def test_a_mail_over_the_limit_is_refused_and_one_below_is_taken(told: Told) -> None:
    """50 MB is refused with 5.3.4; 40 MB becomes an item with its attachment as a place in the raw mail."""
    over = told.house.intake.accept(Arrival(large(50 * 2**20), "smtp", told.clock.now(), CARL, (DESK,)))
    assert isinstance(over, Refused) and over.status == "5.3.4"
    told.comes_in(large(40 * 2**20))
    item = told.only_item()
    assert item["title"] == "Bad"
    (shown,) = [line for line in item["timeline"] if line["kind"] == "mail_in"]
    assert "See attached." in shown["text"]


def test_a_failing_part_of_ours_quarantines_one_mail_and_not_the_others(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 7: after three failures of ours a mail is quarantined with the reason; the others flow; a replay brings it back."""
    read = told.house.processor._read_mail

    def faulty(raw: bytes) -> object:
        if b"poison" in raw:
            raise RuntimeError("our bug")
        return read(raw)

    monkeypatch.setattr(told.house.processor, "_read_mail", faulty)
    accepted = told.house.intake.accept(Arrival(letter("Trouble", "poison", message_id="p@acme.example"), "smtp", told.clock.now(), CARL, (DESK,)))
    assert isinstance(accepted, Stored)
    told.comes_in(letter("Good", "Fine.", message_id="g@acme.example"))
    for _ in range(6):
        told.goes_on(minutes=20)
    shown = told.house.desk.show_inbound(accepted.inbound_id, ROOT)
    assert shown["state"] == "quarantined" and "our bug" in shown["reason"]
    assert [item["title"] for item in told.items()] == ["Good"]
    monkeypatch.undo()
    told.house.desk.replay_inbound(accepted.inbound_id, ROOT)
    told.goes_on()
    assert sorted(item["title"] for item in told.items()) == ["Good", "Trouble"]
