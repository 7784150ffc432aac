"""Every way a server can behave towards one mail, and what it means: the table of outcomes walked over a real socket."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.delivery import Delivery, Meaning, Stage
from core.mail import address_key
from core.outbox import Outcome
from gateway.outbound.port import LeaseTime, Outgoing
from gateway.outbound.session import Server
from gateway.outbound.smtp import SmtpTransport
from tests.outbound.peer import CLOSE, RESET, STALL, Peer, Reply

A, T, P, U = Outcome.ACCEPTED, Outcome.TEMPORARY, Outcome.PERMANENT, Outcome.UNKNOWN
MAIL = b"From: support@demo.example\r\nSubject: x\r\n\r\nHello\r\n.dot\r\nbye\r\n"
ONE = ("a@acme.example",)
THREE = ("a@acme.example", "b@acme.example", "c@acme.example")


def server(port: int, **more: object) -> Server:
    """A server on loopback that is given up on soon."""
    settings: dict[str, object] = {"security": "none", "connect_timeout": 2.0, "command_timeout": 0.4, "write_timeout": 2.0, "time": LeaseTime(3.0, 0.5, 0.0)}
    return Server("127.0.0.1", port, **(settings | more))  # type: ignore[arg-type]


def deliver(
    script: dict[str, Reply], recipients: tuple[str, ...] = ONE, *, data: bytes = MAIL, before: Callable[[], None] = lambda: None
) -> tuple[Delivery, Peer]:
    """One mail to a peer with that script."""
    with Peer(script) as peer:
        transport = SmtpTransport(server(peer.port))
        try:
            return transport.deliver(Outgoing("id", "support@demo.example", recipients, data), before), peer
        finally:
            transport.close()


LONG = "250 " + "x" * 9000
MANY = "\r\n".join(["250-more"] * 200 + ["250 done"])

TROUBLE: list[tuple[str, dict[str, Reply], Stage, Meaning]] = [
    ("banner 5xx", {"BANNER": "554 5.3.2 no"}, Stage.BANNER, Meaning.TROUBLE),
    ("banner 4xx", {"BANNER": "421 4.3.2 later"}, Stage.BANNER, Meaning.PASSING),
    ("banner garbage", {"BANNER": "HTTP/1.1 400 Bad Request"}, Stage.BANNER, Meaning.PASSING),
    ("banner stall", {"BANNER": STALL}, Stage.BANNER, Meaning.PASSING),
    ("banner close", {"BANNER": CLOSE}, Stage.BANNER, Meaning.PASSING),
    ("banner is no 2xx", {"BANNER": "354 what"}, Stage.BANNER, Meaning.TROUBLE),
    ("ehlo 5xx", {"EHLO": "550 5.7.1 go away"}, Stage.EHLO, Meaning.TROUBLE),
    ("ehlo 4xx", {"EHLO": "451 4.3.0 later"}, Stage.EHLO, Meaning.PASSING),
    ("ehlo mixed codes", {"EHLO": "250-peer\r\n251 odd"}, Stage.EHLO, Meaning.PASSING),
    ("ehlo close midway", {"EHLO": "250-peer" + CLOSE}, Stage.EHLO, Meaning.PASSING),
    ("ehlo over-long", {"EHLO": LONG}, Stage.EHLO, Meaning.PASSING),
    ("ehlo too many lines", {"EHLO": MANY}, Stage.EHLO, Meaning.PASSING),
    ("mail 5xx", {"MAIL": "550 5.7.1 sender refused"}, Stage.MAIL, Meaning.TROUBLE),
    ("mail 4xx", {"MAIL": "452 4.3.1 no space"}, Stage.MAIL, Meaning.PASSING),
    ("mail stall", {"MAIL": STALL}, Stage.MAIL, Meaning.PASSING),
    ("mail reset", {"MAIL": RESET}, Stage.MAIL, Meaning.PASSING),
    ("mail 354", {"MAIL": "354 what"}, Stage.MAIL, Meaning.TROUBLE),
    ("mail garbage", {"MAIL": "yes"}, Stage.MAIL, Meaning.PASSING),
]

OUTCOMES: list[tuple[str, dict[str, Reply], tuple[str, ...], Stage, list[Outcome]]] = [
    ("all well", {}, ONE, Stage.DOT, [A]),
    ("multi-line replies", {"MAIL": "250-2.1.0\r\n250 ok", "RCPT": "250-a\r\n250-b\r\n250 c", "DOT": "250-1\r\n250 2"}, ONE, Stage.DOT, [A]),
    ("bare code", {"DOT": "250"}, ONE, Stage.DOT, [A]),
    ("rcpt 251", {"RCPT": "251 will forward"}, ONE, Stage.DOT, [A]),
    ("rcpt 252", {"RCPT": "252 perhaps"}, ONE, Stage.DOT, [A]),
    ("rcpt 5xx", {"RCPT": "550 5.1.1 unknown"}, ONE, Stage.RCPT, [P]),
    ("rcpt 4xx", {"RCPT": "450 4.2.0 greylisted"}, ONE, Stage.RCPT, [T]),
    ("rcpt mixed", {"RCPT": ["250 ok", "550 5.1.1 no", "451 4.2.0 later"]}, THREE, Stage.DOT, [A, P, T]),
    ("rcpt some, then refused", {"RCPT": ["250 ok", "550 5.1.1 no"], "DOT": "554 5.7.1 spam"}, THREE, Stage.DOT, [P, P, P]),
    ("rcpt some, then unknown", {"RCPT": ["250 ok", "550 no", "450 later"], "DOT": CLOSE}, THREE, Stage.DOT, [U, P, T]),
    ("rcpt 421 midway", {"RCPT": ["250 ok", "421 4.3.2 closing" + CLOSE]}, THREE, Stage.RCPT, [T, T, T]),
    ("rcpt 421 after a refusal", {"RCPT": ["550 no", "421 4.3.2 closing" + CLOSE]}, THREE, Stage.RCPT, [P, T, T]),
    ("rcpt close", {"RCPT": ["250 ok", CLOSE]}, THREE, Stage.RCPT, [T, T, T]),
    ("rcpt stall", {"RCPT": STALL}, ONE, Stage.RCPT, [T]),
    ("rcpt garbage", {"RCPT": "garbage"}, ONE, Stage.RCPT, [T]),
    ("rcpt 354", {"RCPT": "354 what"}, ONE, Stage.RCPT, [T]),
    ("data 5xx", {"DATA": "554 5.5.1 no"}, ONE, Stage.DATA, [P]),
    ("data 4xx", {"DATA": "451 4.3.0 later"}, ONE, Stage.DATA, [T]),
    ("data 250 instead of 354", {"DATA": "250 ok"}, ONE, Stage.DATA, [T]),
    ("data stall", {"DATA": STALL}, ONE, Stage.DATA, [T]),
    ("data close", {"DATA": CLOSE}, ONE, Stage.DATA, [T]),
    ("data garbage", {"DATA": "35"}, ONE, Stage.DATA, [T]),
    ("data 421", {"DATA": "421 4.3.2 closing" + CLOSE}, ONE, Stage.DATA, [T]),
    ("dot 5xx", {"DOT": "554 5.7.1 spam"}, ONE, Stage.DOT, [P]),
    ("dot 4xx", {"DOT": "451 4.3.0 later"}, ONE, Stage.DOT, [T]),
    ("dot 421", {"DOT": "421 4.3.2 closing" + CLOSE}, ONE, Stage.DOT, [T]),
    ("dot accepted, then closed", {"DOT": "250 ok" + CLOSE}, ONE, Stage.DOT, [A]),
    ("dot close", {"DOT": CLOSE}, ONE, Stage.DOT, [U]),
    ("dot reset", {"DOT": RESET}, ONE, Stage.DOT, [U]),
    ("dot stall", {"DOT": STALL}, ONE, Stage.DOT, [U]),
    ("dot garbage", {"DOT": "\x00\x01 whatever"}, ONE, Stage.DOT, [U]),
    ("dot words without a code", {"DOT": "OK queued"}, ONE, Stage.DOT, [U]),
    ("dot code glued to words", {"DOT": "250ok"}, ONE, Stage.DOT, [U]),
    ("dot over-long reply", {"DOT": LONG}, ONE, Stage.DOT, [U]),
    ("dot too many lines", {"DOT": MANY}, ONE, Stage.DOT, [U]),
    ("dot half a reply, then closed", {"DOT": "250-first" + CLOSE}, ONE, Stage.DOT, [U]),
    ("dot mixed codes", {"DOT": "250-first\r\n550 second"}, ONE, Stage.DOT, [U]),
    ("dot 354 again", {"DOT": "354 go on"}, ONE, Stage.DOT, [U]),
    ("dot code out of range", {"DOT": "650 ok"}, ONE, Stage.DOT, [U]),
    ("dot two digits", {"DOT": "25 ok"}, ONE, Stage.DOT, [U]),
    ("size announced too small", {"EHLO": "250-peer\r\n250 SIZE 20"}, ONE, Stage.LIMITS, [P]),
    ("no SMTPUTF8", {"EHLO": "250 peer"}, ("josé@acme.example",), Stage.LIMITS, [P]),
    ("no address", {}, ("a@acme.example", "b c@acme.example", "x\r\nRSET@acme.example"), Stage.DOT, [A, P, P]),
]


@pytest.mark.parametrize(("script", "stage", "meaning"), [case[1:] for case in TROUBLE], ids=[case[0] for case in TROUBLE])
def test_what_ends_before_a_recipient_was_asked_is_trouble_of_the_connector(script: dict[str, Reply], stage: Stage, meaning: Meaning) -> None:
    """decisions.md 19: nothing before RCPT is about the mail; no recipient has an outcome and nothing was handed over."""
    marks: list[int] = []
    delivery, peer = deliver(script, before=lambda: marks.append(1))
    assert (delivery.stage, delivery.trouble, delivery.recipients) == (stage, meaning, {})
    assert delivery.words.startswith(f"{stage}: ")
    assert not marks and not peer.taken


@pytest.mark.parametrize(("script", "recipients", "stage", "outcomes"), [case[1:] for case in OUTCOMES], ids=[case[0] for case in OUTCOMES])
def test_outcomes_of_recipients(script: dict[str, Reply], recipients: tuple[str, ...], stage: Stage, outcomes: list[Outcome]) -> None:
    """Law 8: each recipient has one of four outcomes, with the server's words; the mark comes exactly when the final dot is next."""
    marks: list[int] = []
    delivery, peer = deliver(script, recipients, before=lambda: marks.append(1))
    assert delivery.trouble is None
    assert delivery.stage is stage
    assert [delivery.recipients[address_key(one)][0] for one in recipients] == outcomes
    assert len(delivery.recipients) == len(recipients)
    assert all(words for _, words in delivery.recipients.values())
    assert len(marks) == (stage is Stage.DOT)
    if stage is not Stage.DOT:
        assert not peer.taken


def test_the_body_arrives_as_it_was_sealed() -> None:
    """Dots are doubled on the wire and single again behind it; nothing else changes, the sender and the recipients are those of the envelope."""
    _, peer = deliver({}, THREE)
    (taken,) = peer.taken
    assert taken.data == MAIL
    assert (taken.sender, taken.recipients) == ("support@demo.example", list(THREE))
    assert f"MAIL FROM:<support@demo.example> SIZE={len(MAIL)}" in peer.commands


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(CLOSE, T), ("552 5.3.4 too big" + CLOSE, P), ("421 4.4.2 too slow" + CLOSE, T), ("250 2.0.0 taken", T), ("garbage", T), (RESET, T)],
    ids=["close", "552", "421", "an acceptance nobody asked for", "garbage", "reset"],
)
def test_answers_while_the_body_is_written(fault: str, outcome: Outcome) -> None:
    """What comes before the final dot is never an acceptance; the dot is not sent and the mail was not handed over."""
    marks: list[int] = []
    delivery, peer = deliver({"BODY": fault}, data=b"0123456789 some content of a long mail\r\n" * 100_000, before=lambda: marks.append(1))
    assert (delivery.stage, [found for found, _ in delivery.recipients.values()]) == (Stage.BODY, [outcome])
    assert not marks and not peer.taken
    if fault[0].isdigit():
        assert fault[:3] in delivery.words


@pytest.mark.parametrize("data", [b"x\n.\nQUIT\n", b"x\r.\rQUIT\r", b"x\r\n.\r\nQUIT\r\n", b".\r\nno end", b""])
def test_no_content_ends_the_mail_early(data: bytes) -> None:
    """A lone dot in any kind of line end stays content: what follows it is never read as a command (SMTP smuggling)."""
    delivery, peer = deliver({}, data=data)
    assert [outcome for outcome, _ in delivery.recipients.values()] == [A]
    (taken,) = peer.taken
    normal = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    assert taken.data == (normal if normal.endswith(b"\r\n") else normal + b"\r\n")
    assert [command for command in peer.commands if command.startswith("QUIT")] in ([], ["QUIT"])


def test_addresses_beyond_ascii_use_smtputf8_where_it_is_offered() -> None:
    """A local part in UTF-8 is sent as it is with SMTPUTF8, a domain as A-label."""
    delivery, peer = deliver({}, ("josé@bücher.example",))
    assert [outcome for outcome, _ in delivery.recipients.values()] == [A]
    assert any(command.startswith("MAIL") and command.endswith("SMTPUTF8") for command in peer.commands)
    assert peer.taken[0].recipients == ["josé@xn--bcher-kva.example"]


def test_an_address_beyond_ascii_bars_nobody_else() -> None:
    """Without SMTPUTF8 at the server that recipient fails with a sentence; the others are asked for, and MAIL does not ask for what is not offered."""
    delivery, peer = deliver({"EHLO": "250 peer"}, ("josé@acme.example", "carl@acme.example"))
    outcomes = dict(delivery.recipients)
    assert (outcomes["carl@acme.example"][0], outcomes["josé@acme.example"][0]) == (A, P)
    assert "SMTPUTF8" in outcomes["josé@acme.example"][1] and peer.taken[0].recipients == ["carl@acme.example"]
    assert not any("SMTPUTF8" in command for command in peer.commands)


def test_what_the_mark_raises_ends_the_attempt_before_the_dot() -> None:
    """If the mark cannot be written the dot never leaves: the server has not got the mail."""

    def lost() -> None:
        raise LookupError("the claim is lost")

    with Peer() as peer:
        transport = SmtpTransport(server(peer.port))
        with pytest.raises(LookupError):
            transport.deliver(Outgoing("id", "", ONE, MAIL), lost)
        assert not peer.taken
        assert [outcome for outcome, _ in transport.deliver(Outgoing("id", "", ONE, MAIL), lambda: None).recipients.values()] == [A]
        assert peer.connections == 2


def test_nobody_listens() -> None:
    """A refused connection is passing trouble of the connector, named with host and port."""
    with Peer() as peer:
        port = peer.port
    delivery = SmtpTransport(server(port)).deliver(Outgoing("id", "", ONE, MAIL), lambda: None)
    assert (delivery.stage, delivery.trouble) == (Stage.CONNECT, Meaning.PASSING)
    assert f"127.0.0.1:{port}" in delivery.words


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..example", "x" * 80 + ".example"])
def test_a_host_that_is_no_host(host: str) -> None:
    """A name that nobody knows, or that is none, is passing trouble of the connector with the name in it, and no fault of ours."""
    from dataclasses import replace

    delivery = SmtpTransport(replace(server(25), host=host)).deliver(Outgoing("id", "", ONE, MAIL), lambda: None)
    assert (delivery.stage, delivery.trouble) == (Stage.CONNECT, Meaning.PASSING) and host in delivery.words


def test_a_server_that_trickles_is_held_to_the_deadline() -> None:
    """One byte now and then does not keep a delivery beyond its time: reading ends at the deadline of the whole attempt."""
    import socket
    import threading
    import time

    listener = socket.create_server(("127.0.0.1", 0))

    def trickle() -> None:
        connection, _ = listener.accept()
        try:
            while True:
                connection.sendall(b"2")
                threading.Event().wait(0.05)
        except OSError:
            pass

    threading.Thread(target=trickle, daemon=True).start()
    transport = SmtpTransport(server(listener.getsockname()[1], command_timeout=0.5))
    began = time.monotonic()
    delivery = transport.deliver(Outgoing("id", "", ONE, MAIL), lambda: None)
    listener.close()
    assert delivery.trouble is Meaning.PASSING
    assert time.monotonic() - began < 3
