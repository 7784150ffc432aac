"""Commands in one write (RFC 2920): what goes together, what is read one by one, and that nothing is loosened by it; against the scripted peer."""

from __future__ import annotations

import time

import pytest

from core.delivery import Delivery
from core.mail import address_key
from core.outbox import Outcome
from gateway.outbound import wire as wire_module
from gateway.outbound.dialogue import dot_stuffed, send
from gateway.outbound.port import Outgoing
from gateway.outbound.session import open_session
from gateway.outbound.smtp import SmtpTransport
from gateway.outbound.wire import Wire
from tests.outbound.peer import CLOSE, Peer
from tests.outbound.test_dialogue import MAIL, THREE, server

OFFERS = "250-peer\r\n250-SIZE 50000000\r\n250 PIPELINING"


def writes_of(peer: Peer, people: tuple[str, ...], mails: int = 1) -> tuple[list[bytes], list[Delivery]]:
    """What was written, write by write, after EHLO; and the answers."""
    written: list[bytes] = []
    wire = open_session(server(peer.port, command_timeout=10.0), time.monotonic() + 30, lambda ours, said: written.append(said) if ours else None)
    written.clear()
    deliveries = []
    for n in range(mails):
        deliveries.append(send(wire, server(peer.port), Outgoing("id", "support@demo.example", people, MAIL), lambda: None, used=n > 0))
    wire.leave()
    return written[:-1], deliveries


def test_one_write_for_all_commands_of_a_mail() -> None:
    """MAIL, every RCPT and DATA go together, DATA last; RSET before them on a session that was used. Body and dot stay apart, for the mark between them."""
    with Peer({"EHLO": OFFERS}) as peer:
        written, deliveries = writes_of(peer, THREE, mails=2)
        assert all(outcome is Outcome.ACCEPTED for one in deliveries for outcome, _ in one.recipients.values())
        assert [write.count(b"\r\n") for write in written] == [5, MAIL.count(b"\r\n"), 1, 6, MAIL.count(b"\r\n"), 1]
        assert written[0].startswith(b"MAIL FROM:") and written[0].endswith(b"\r\nDATA\r\n")
        assert written[3].startswith(b"RSET\r\nMAIL FROM:") and written[2] == written[5] == b".\r\n"
        assert len(peer.taken) == 2


def test_one_by_one_where_it_is_not_offered() -> None:
    """Without PIPELINING nothing is said before the answer to what was said has come."""
    with Peer() as peer:
        written, _ = writes_of(peer, THREE)
        assert [write.split(b" ")[0].strip() for write in written[:5]] == [b"MAIL", b"RCPT", b"RCPT", b"RCPT", b"DATA"]


def test_very_many_recipients_go_in_several_writes() -> None:
    """A server whose answers fill the line must be listened to in between (RFC 2920 section 3.1); each recipient keeps its own answer."""
    people = tuple(f"p{n}@acme.example" for n in range(250))
    answers = [f"250 2.1.5 {n} {'x' * 400}" if n % 3 else f"550 5.1.1 {n}" for n in range(250)]
    with Peer({"EHLO": OFFERS, "RCPT": answers}) as peer:
        written, (delivery,) = writes_of(peer, people)
        assert [write.count(b"\r\n") for write in written[:3]] == [wire_module.MAX_GROUP, wire_module.MAX_GROUP, 52]
        for n, one in enumerate(people):
            outcome, words = delivery.recipients[address_key(one)]
            assert outcome is (Outcome.ACCEPTED if n % 3 else Outcome.PERMANENT)
            assert n % 3 or words == f"550 5.1.1 {n} (there is no such address)"


def test_nobody_taken_and_354_ends_without_an_empty_mail() -> None:
    """RFC 2920 section 3.1: not even a lone dot is sent, the connection is left; the next mail takes another."""
    with Peer({"EHLO": OFFERS, "RCPT": ["550 5.1.1 no", "250 ok"]}) as peer:
        transport = SmtpTransport(server(peer.port, command_timeout=10.0))
        outcomes = []
        for _ in range(2):
            delivery = transport.deliver(Outgoing("id", "", THREE[:1], MAIL), lambda: None)
            outcomes += [outcome for outcome, _ in delivery.recipients.values()]
        transport.close()
        assert outcomes == [Outcome.PERMANENT, Outcome.ACCEPTED]
        assert (peer.connections, len(peer.taken)) == (2, 1)


@pytest.mark.parametrize("mail", ["250 ok\r\n250 one too many", "250 ok\r\n354 one too many", "250 ok\r\n550 one too many"])
def test_an_answer_too_many_never_fails_or_accepts_a_mail(mail: str) -> None:
    """When answers and commands do not fit any more nobody is failed for good, nobody accepted, and nothing of the body is taken for a mail."""
    with Peer({"EHLO": OFFERS, "MAIL": mail, "RCPT": ["250 ok", "550 5.1.1 no", "250 ok"]}) as peer:
        transport = SmtpTransport(server(peer.port, command_timeout=10.0))
        delivery = transport.deliver(Outgoing("id", "", THREE, MAIL), lambda: None)
        transport.close()
        outcomes = {outcome for outcome, _ in delivery.recipients.values()}
        assert Outcome.ACCEPTED not in outcomes and not peer.taken
        assert mail[-16:-13] == "550" or outcomes == {Outcome.TEMPORARY}


def test_a_server_that_closes_with_421_at_once_is_heard() -> None:
    """Its last words are those of the attempt, also where the rest of the group could not be written any more."""
    with Peer({"EHLO": OFFERS, "MAIL": "421 4.3.2 maintenance" + CLOSE}) as peer:
        transport = SmtpTransport(server(peer.port, command_timeout=10.0))
        assert "421 4.3.2 maintenance" in transport.deliver(Outgoing("id", "", THREE, MAIL), lambda: None).words


@pytest.mark.parametrize("bad", ["RCPT TO:<a\r\nDATA>", "RCPT TO:<a\nb>", "RCPT TO:<a\0b>", "RCPT TO:<a\rb>"])
def test_no_command_can_hold_two(bad: str) -> None:
    """A line end in a command is refused before anything is written, in a group as alone."""
    with Peer({"EHLO": OFFERS}) as peer:
        wire = open_session(server(peer.port), time.monotonic() + 10)
        assert isinstance(wire, Wire)
        with pytest.raises(ValueError):
            list(wire.commands(["MAIL FROM:<>", bad]))
        with pytest.raises(ValueError):
            wire.command(bad)
        wire.leave()
        assert not any(command.startswith(("MAIL", "RCPT")) for command in peer.commands)


def test_a_body_that_needs_nothing_is_not_copied() -> None:
    """Most mails go out as they are stored."""
    assert dot_stuffed(MAIL.replace(b"\r\n.", b"\r\n")) is not MAIL
    plain = MAIL.replace(b"\r\n.", b"\r\n")
    assert dot_stuffed(plain) is plain
    assert dot_stuffed(b".a\r\n.b") == b"..a\r\n..b\r\n"
