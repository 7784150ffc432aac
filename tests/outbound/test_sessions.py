"""What a connector's keys make of its sessions: certificates of ours, secrets, how many and how old, reports that are asked for; against the scripted peer."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.delivery import Delivery, Meaning, Stage
from core.mail import Address
from core.outbox import Outcome, Recipient
from core.setup import Connector, Setup
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.outbound.envelope import xtext
from gateway.outbound.port import LeaseTime, Outgoing
from gateway.outbound.smtp import SmtpTransport, server_of
from gateway.outbound.transports import TransportPool
from gateway.secrets import SecretTrouble
from gateway.store.engine import Database
from tests.outbound import certificates
from tests.outbound.drafts import House, with_connector
from tests.outbound.peer import TLS, Peer
from tests.outbound.test_dialogue import MAIL, ONE, THREE, server

DSN = "250-peer\r\n250-DSN\r\n250 PIPELINING"


def connector(port: int, **outgoing: Any) -> Connector:
    return Connector("c", "support", "support@demo.example", outgoing={"kind": "smtp", "host": "127.0.0.1", "port": port, "security": "none", **outgoing})


def delivered(peer: Peer, folder: Path = Path("."), *, secrets: Any = None, sender: str = "b+1@demo.example", people: tuple[str, ...] = ONE, **outgoing: Any) -> Delivery:
    pool = TransportPool(folder, {}, timeout=10.0, **({"secrets": secrets} if secrets else {}))
    try:
        return pool(connector(peer.port, **outgoing)).deliver(Outgoing("id=1", sender, people, MAIL), lambda: None)
    finally:
        pool.close()


def accepted(delivery: Delivery) -> bool:
    return {outcome for outcome, _ in delivery.recipients.values()} == {Outcome.ACCEPTED}


# ---------------------------------------------------------------- reports (RFC 3461)


def said(peer: Peer, verb: str) -> list[str]:
    return [command for command in peer.commands if command.startswith(verb)]


def test_reports_are_asked_for_where_they_are_offered() -> None:
    """RET, ENVID with the outbox id, NOTIFY and ORCPT, all in xtext; and the last word of the server is kept with its queue id."""
    with Peer({"EHLO": DSN, "DOT": "250 2.0.0 Ok: queued as 4F1A2B3C4D"}) as peer:
        delivery = delivered(peer, people=("a+b=c@acme.example",))
        assert accepted(delivery) and delivery.queue_id == "4F1A2B3C4D"
        assert said(peer, "MAIL") == ["MAIL FROM:<b+1@demo.example> RET=HDRS ENVID=id+3D1"]
        assert said(peer, "RCPT") == ["RCPT TO:<a+b=c@acme.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc@acme.example"]


def test_no_report_for_a_mail_from_nobody() -> None:
    """A null sender wants none: NOTIFY=NEVER (RFC 3461 section 4.1), so that no server makes a report of a report."""
    with Peer({"EHLO": DSN}) as peer:
        assert accepted(delivered(peer, sender=""))
        assert said(peer, "MAIL") == ["MAIL FROM:<>"] and said(peer, "RCPT") == ["RCPT TO:<a@acme.example> NOTIFY=NEVER"]


@pytest.mark.parametrize(("ehlo", "outgoing"), [("250-peer\r\n250 PIPELINING", {}), (DSN, {"dsn": False})])
def test_no_report_where_nobody_offers_or_wants_it(ehlo: str, outgoing: dict[str, Any]) -> None:
    """Not offered, or `dsn = false`: the commands are bare."""
    with Peer({"EHLO": ehlo}) as peer:
        assert accepted(delivered(peer, **outgoing))
        assert said(peer, "MAIL") == ["MAIL FROM:<b+1@demo.example>"] and said(peer, "RCPT") == ["RCPT TO:<a@acme.example>"]


def test_a_server_that_refuses_to_be_asked_is_not_asked_again() -> None:
    """The same mail goes at once without; the next mails do not try it any more."""
    with Peer({"EHLO": DSN, "MAIL": ["504 5.5.4 RET what", "250 ok"]}) as peer:
        transport = SmtpTransport(server(peer.port, command_timeout=10.0))
        assert all(accepted(transport.deliver(Outgoing("id", "s@demo.example", ONE, MAIL), lambda: None)) for _ in range(3))
        transport.close()
        assert ["RET=" in command for command in said(peer, "MAIL")] == [True, False, False, False]
        assert (peer.connections, len(peer.taken)) == (2, 3)


def test_a_bad_address_does_not_end_reports_for_the_others() -> None:
    """501 for an address, with reports or without, is about the address: it fails, and the next mail asks for reports again."""
    with Peer({"EHLO": DSN, "RCPT": ["501 5.1.3 bad", "501 5.1.3 bad", "250 ok"]}) as peer:
        transport = SmtpTransport(server(peer.port, command_timeout=10.0))
        first = transport.deliver(Outgoing("id", "s@demo.example", ONE, MAIL), lambda: None)
        assert {outcome for outcome, _ in first.recipients.values()} == {Outcome.PERMANENT}
        assert accepted(transport.deliver(Outgoing("id", "s@demo.example", ONE, MAIL), lambda: None))
        transport.close()
        assert "NOTIFY=" in said(peer, "RCPT")[-1]


@given(some.text(max_size=100))
def test_xtext_is_what_a_command_may_hold_and_can_be_read_back(text: str) -> None:
    """RFC 3461 section 4: printable ASCII without blank, `+` and `=` but as hexadecimal digits; nothing is lost."""
    made = xtext(text)
    assert all(33 <= ord(char) <= 126 and char != "=" for char in made)
    head, *rest = made.split("+")
    back = head.encode() + b"".join(bytes.fromhex(part[:2]) + part[2:].encode() for part in rest)
    assert back == text.encode("utf-8", "replace")


# ---------------------------------------------------------------- certificates and secrets


def test_our_certificate_is_shown_to_a_server_that_asks_for_it(tmp_path: Path) -> None:
    """C-GW-04: `client_certificate` and `client_key` are relative to the data folder; without them such a server takes nothing."""
    authority, context = certificates.made("asks")
    for name in ("ca.pem", "key.pem"):
        (tmp_path / name).write_bytes((authority.parent / name).read_bytes())
    both = (authority.parent / "ca.pem").read_bytes() + (authority.parent / "key.pem").read_bytes()
    (tmp_path / "both.pem").write_bytes(both)
    encrypted = {"security": "starttls", "ca_file": str(authority)}
    with Peer({"EHLO": "250-peer\r\n250 STARTTLS", "STARTTLS": TLS}, tls=context) as peer:
        assert accepted(delivered(peer, tmp_path, client_certificate="ca.pem", client_key="key.pem", **encrypted))
        assert accepted(delivered(peer, tmp_path, client_certificate="both.pem", **encrypted))
        refused = delivered(peer, tmp_path, **encrypted)
        assert (refused.stage, refused.trouble) == (Stage.TLS, Meaning.TROUBLE) and len(peer.taken) == 2


@pytest.mark.parametrize("content", [None, b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_certificate_of_ours_that_cannot_be_used_is_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    """Missing or broken: trouble with the settings that names the file; nothing is said in clear beyond EHLO and STARTTLS, and nobody is asked at a terminal."""
    authority, context = certificates.made()
    if content is not None:
        (tmp_path / "ours.pem").write_bytes(content)
    with Peer({"EHLO": "250-peer\r\n250 STARTTLS", "STARTTLS": TLS}, tls=context) as peer:
        delivery = delivered(peer, tmp_path, client_certificate="ours.pem", security="starttls", ca_file=str(authority))
        assert (delivery.stage, delivery.trouble) == (Stage.SETTINGS, Meaning.TROUBLE) and "ours.pem" in delivery.words
        assert not any(command.startswith(("MAIL", "AUTH")) for command in peer.commands)


def test_an_encrypted_key_asks_nobody(tmp_path: Path) -> None:
    """OpenSSL would ask for its password at the terminal and wait; here it is a sentence."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority, context = certificates.made()
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    (tmp_path / "key.pem").write_bytes(locked)
    (tmp_path / "ca.pem").write_bytes(authority.read_bytes())
    with Peer({"EHLO": "250-peer\r\n250 STARTTLS", "STARTTLS": TLS}, tls=context) as peer:
        delivery = delivered(peer, tmp_path, client_certificate="ca.pem", client_key="key.pem", security="starttls", ca_file=str(authority))
    assert (delivery.stage, delivery.trouble) == (Stage.SETTINGS, Meaning.TROUBLE) and "cannot be used" in delivery.words


def test_a_password_out_of_the_secret_store() -> None:
    """`password_secret` is asked for at each log-in, so that a changed one is used by the next session; its name is all that is configured."""
    kept = {"mailbox": "first"}
    with Peer({"EHLO": "250-peer\r\n250 AUTH LOGIN", "AUTH": ["334 a", "334 b", "235 ok"] * 2}) as peer:
        pool = TransportPool(Path("."), {}, timeout=10.0, secrets=kept.__getitem__)
        transport = pool(connector(peer.port, user="u", password_secret="mailbox"))
        for value in ("first", "second"):
            kept["mailbox"] = value
            assert accepted(transport.deliver(Outgoing("id", "", ONE, MAIL), lambda: None))
            transport.close()
        pool.close()
        assert [command for command in peer.commands if command in ("Zmlyc3Q=", "c2Vjb25k")] == ["Zmlyc3Q=", "c2Vjb25k"]


def test_a_secret_that_is_not_there_is_a_sentence() -> None:
    """Trouble with the settings; no log-in is begun with an empty password, and mails wait."""

    def missing(name: str) -> str:
        raise SecretTrouble(f"There is no secret “{name}”.")

    for secrets in (missing, None):
        for offer in ("AUTH PLAIN", "AUTH LOGIN"):
            with Peer({"EHLO": f"250-peer\r\n250 {offer}", "AUTH": "235 ok"}) as peer:
                delivery = delivered(peer, secrets=secrets, user="u", password_secret="mailbox")
                assert (delivery.stage, delivery.trouble) == (Stage.SETTINGS, Meaning.TROUBLE) and "mailbox" in delivery.words
                assert not said(peer, "AUTH")


# ---------------------------------------------------------------- how many, how old, how long


def test_no_more_sessions_than_the_connector_allows() -> None:
    """`connections`: two mails leave at the same time, whoever comes beyond them waits for a session that is free, and its mail leaves."""
    with Peer() as peer:
        transport = SmtpTransport(server(peer.port, command_timeout=10.0, connections=2, time=LeaseTime(30.0, 10.0, 0.0)))
        open_now: list[int] = []
        busy, together = threading.Lock(), threading.Barrier(2, timeout=10.0)
        most = [0]
        results: list[bool] = []

        def mark() -> None:
            with busy:
                open_now.append(1)
                most[0] = max(most[0], len(open_now))
            together.wait()
            with busy:
                open_now.pop()

        threads = [threading.Thread(target=lambda: results.append(accepted(transport.deliver(Outgoing("id", "", ONE, MAIL), mark)))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()
        assert results == [True] * 8 and most[0] == 2 and peer.connections == 2


def test_waiting_for_a_session_ends_with_the_time_of_the_attempt() -> None:
    """All in use until the time is over: passing trouble of the connector, no try is used."""
    with Peer() as peer:
        transport = SmtpTransport(server(peer.port, command_timeout=10.0, connections=1, time=LeaseTime(0.3, 5.0, 0.0)))
        inside, go_on = threading.Event(), threading.Event()

        def mark() -> None:
            inside.set()
            go_on.wait(10)

        first = threading.Thread(target=transport.deliver, args=(Outgoing("id", "", ONE, MAIL), mark))
        first.start()
        assert inside.wait(10)
        second = transport.deliver(Outgoing("id", "", ONE, MAIL), lambda: None)
        go_on.set()
        first.join()
        transport.close()
        assert second.trouble is Meaning.PASSING and "in use" in second.words and len(peer.taken) == 1


def test_an_old_session_is_replaced() -> None:
    """`connection_age`: after it the next mail takes a new connection; until then the same."""
    made = server_of(connector(25, connection_age="PT2M", connections=7), {}, "h", 60)
    assert (made.connection_age, made.connections, made.dsn) == (120.0, 7, True)
    with Peer() as peer:
        for age, connections in ((300.0, 1), (0.0, 4)):
            transport = SmtpTransport(server(peer.port, command_timeout=10.0, connection_age=age))
            assert all(accepted(transport.deliver(Outgoing("id", "", ONE, MAIL), lambda: None)) for _ in range(3))
            transport.close()
            assert peer.connections == connections


def test_many_transactions_stay_within_the_time_of_one_attempt() -> None:
    """A server that takes one recipient at a time: no transaction is begun after the time of the attempt; the rest is tried later."""
    people = tuple(f"p{n}@acme.example" for n in range(30))
    answers = [answer for n in range(30) for answer in ("250 ok", *["452 4.5.3 one at a time"] * (29 - n))]
    with Peer({"RCPT": answers}) as peer:
        transport = SmtpTransport(server(peer.port, command_timeout=5.0, time=LeaseTime(0.5, 5.0, 0.0)))
        delivery = transport.deliver(Outgoing("id", "", people, MAIL), lambda: time.sleep(0.6))
        transport.close()
        outcomes = [outcome for outcome, _ in delivery.recipients.values()]
        assert (outcomes.count(Outcome.ACCEPTED), outcomes.count(Outcome.TEMPORARY), len(peer.taken)) == (1, 29, 1)


def test_several_transactions_are_one_attempt(database: Database, example_setup: Setup, keys: Keys, clock: FakeClock) -> None:
    """452 4.5.3 through the whole engine: one attempt, marked once, everybody accepted, the message sent, and no try used."""
    people = tuple(Recipient(Address(one)) for one in THREE)
    with Peer({"RCPT": ["250 ok", *["452 4.5.3 one at a time"] * 2, "250 ok", "452 4.5.3 one at a time", "250 ok"]}) as peer:
        house = House(database, with_connector(example_setup, outgoing=dict(connector(peer.port).outgoing)), keys, clock)
        house.item()
        house.queue(recipients=people)
        before = house.get().tries_left
        dispatcher = house.dispatcher()
        dispatcher.run_due(1)
        dispatcher.close()
        message = house.get()
        assert (message.state, message.attempts, message.tries_left) == ("sent", 1, before)
        assert {one.outcome for one in message.recipients} == {Outcome.ACCEPTED} and len(peer.taken) == 3


def test_recipients_of_several_transactions_each_get_it_once() -> None:
    """452 4.5.3: the rest follows at once in the same attempt, which costs no try; who was taken is not asked again."""
    with Peer({"RCPT": ["250 ok", "452 4.5.3 too many", "550 5.1.1 no", "250 ok"], "DOT": ["250 2.0.0 Ok: queued as AAA1", "250 2.0.0 Ok: queued as BBB2"]}) as peer:
        delivery = delivered(peer, people=THREE)
        assert [delivery.recipients[one][0] for one in THREE] == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.PERMANENT]
        assert [taken.recipients for taken in peer.taken] == [list(THREE), [THREE[1]]] and delivery.queue_id == "AAA1"
        assert said(peer, "RCPT")[3:] == [f"RCPT TO:<{THREE[1]}>"]


def test_a_session_on_which_nobody_was_taken_for_now_is_left() -> None:
    """A server may mean the whole session, as postscreen does for a stranger: the next mail begins another. After a refusal for good it is used again."""
    for refusal, connections in (("450 4.3.2 Service currently unavailable", 2), ("550 5.1.1 no such user", 1)):
        with Peer({"RCPT": [refusal, "250 ok"]}) as peer:
            way = SmtpTransport(server(peer.port))
            first, second = (way.deliver(Outgoing("id", "support@demo.example", ONE, MAIL), lambda: None) for _ in range(2))
            way.close()
            assert not accepted(first) and accepted(second) and peer.connections == connections
