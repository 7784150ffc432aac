"""Around the dialogue: encryption, log-in, sessions that are kept, settings; against the scripted peer."""

from __future__ import annotations

import threading
from base64 import b64decode
from typing import Any

import pytest

from core.delivery import Delivery, Meaning, Stage
from core.outbox import Outcome
from core.setup import Connector
from gateway.outbound import smtp
from gateway.outbound.port import Outgoing
from gateway.outbound.smtp import SettingsTrouble, SmtpTransport, check, server_of
from gateway.outbound.transports import TransportPool
from tests.outbound import certificates
from tests.outbound.peer import CLOSE, RESET, STALL, TLS, Peer
from tests.outbound.test_dialogue import MAIL, ONE, server

OFFERS = "250-peer\r\n250-SIZE 50000000\r\n250 STARTTLS"
INSIDE = "250-peer\r\n250-SIZE 50000000\r\n250 AUTH PLAIN LOGIN"


def once(transport: SmtpTransport, mail_id: str = "id") -> Delivery:
    return transport.deliver(Outgoing(mail_id, "support@demo.example", ONE, MAIL), lambda: None)


def accepted(delivery: Delivery) -> bool:
    return [outcome for outcome, _ in delivery.recipients.values()] == [Outcome.ACCEPTED]


# ---------------------------------------------------------------- encryption


def test_starttls_and_tls() -> None:
    """A certificate of a trusted authority: encrypted from STARTTLS on, or from the first byte."""
    authority, context = certificates.made()
    with Peer({"EHLO": [OFFERS, INSIDE], "STARTTLS": TLS}, tls=context) as peer:
        transport = SmtpTransport(server(peer.port, security="starttls", ca_file=str(authority)))
        assert accepted(once(transport))
        assert [command.partition(" ")[0] for command in peer.commands[:4]] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]
        transport.close()
    with Peer(tls=context, implicit_tls=True) as peer:
        transport = SmtpTransport(server(peer.port, security="tls", ca_file=str(authority)))
        assert accepted(once(transport)) and accepted(once(transport)) and peer.connections == 1
        transport.close()


@pytest.mark.parametrize("reply", ["454 4.7.0 not now", "502 5.5.1 what", CLOSE, STALL, "220 go" + CLOSE, "220 go\r\n250 injected"])
def test_starttls_never_falls_back(reply: str) -> None:
    """Not offered, refused, broken, or answered with more than an answer: nothing but QUIT is said in clear, and no recipient has an outcome."""
    with Peer({"EHLO": OFFERS, "STARTTLS": reply}) as peer:
        delivery = once(SmtpTransport(server(peer.port, security="starttls")))
        assert delivery.trouble in (Meaning.TROUBLE, Meaning.PASSING) and not delivery.recipients
        assert [command.partition(" ")[0] for command in peer.commands][:2] == ["EHLO", "STARTTLS"]
        assert not any(command.startswith(("MAIL", "AUTH")) for command in peer.commands)


def test_starttls_not_offered() -> None:
    """The server does not have it: trouble that names it, and an alarm."""
    with Peer() as peer:
        delivery = once(SmtpTransport(server(peer.port, security="starttls")))
    assert (delivery.stage, delivery.trouble) == (Stage.STARTTLS, Meaning.TROUBLE)
    assert "STARTTLS" in delivery.words and peer.commands[:1] == ["EHLO localhost"] and len(peer.commands) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_nobody_vouches_for(security: str) -> None:
    """It is refused, with the reason; the mail does not leave."""
    _, context = certificates.made()
    script: dict[str, Any] = {"EHLO": OFFERS, "STARTTLS": TLS} if security == "starttls" else {}
    with Peer(script, tls=context, implicit_tls=security == "tls") as peer:
        delivery = once(SmtpTransport(server(peer.port, security=security)))
    assert (delivery.stage, delivery.trouble) == (Stage.TLS, Meaning.TROUBLE)
    assert "TLS failed" in delivery.words and not peer.taken


def test_tls_towards_a_plain_server() -> None:
    """A server that does not speak TLS: trouble, no hanging."""
    with Peer() as peer:
        delivery = once(SmtpTransport(server(peer.port, security="tls")))
    assert delivery.stage is Stage.TLS and delivery.trouble in (Meaning.TROUBLE, Meaning.PASSING)


# ---------------------------------------------------------------- log-in


def logged_in(auth: Any, offered: str = "AUTH PLAIN LOGIN", **more: Any) -> tuple[Delivery, Peer]:
    with Peer({"EHLO": f"250-peer\r\n250 {offered}", "AUTH": auth}) as peer:
        transport = SmtpTransport(server(peer.port, user="désk", password="gehéim", **more))
        delivery = once(transport)
        transport.close()
        return delivery, peer


def test_log_in_by_plain_and_by_login() -> None:
    """RFC 4954; names and passwords in UTF-8 (RFC 4616)."""
    delivery, peer = logged_in("235 2.7.0 ok")
    assert accepted(delivery)
    (plain,) = [command for command in peer.commands if command.startswith("AUTH")]
    assert b64decode(plain.split()[2]).decode() == "\0désk\0gehéim"
    delivery, peer = logged_in(["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 ok"], "AUTH LOGIN")
    assert accepted(delivery)
    at = peer.commands.index("AUTH LOGIN")
    assert [b64decode(command).decode() for command in peer.commands[at + 1 : at + 3]] == ["désk", "gehéim"]


@pytest.mark.parametrize(
    ("auth", "offered", "meaning"),
    [
        ("535 5.7.8 wrong", "AUTH PLAIN", Meaning.LOGIN_REFUSED),
        (["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "535 5.7.8 wrong"], "AUTH LOGIN", Meaning.LOGIN_REFUSED),
        (["535 5.7.8 no such user"], "AUTH LOGIN", Meaning.LOGIN_REFUSED),
        ("454 4.7.0 not now", "AUTH PLAIN", Meaning.PASSING),
        ("334 more", "AUTH PLAIN", Meaning.PASSING),
        (CLOSE, "AUTH PLAIN", Meaning.PASSING),
        (STALL, "AUTH PLAIN", Meaning.PASSING),
        ("235 ok", "AUTH CRAM-MD5", Meaning.TROUBLE),
        ("235 ok", "SIZE 1000", Meaning.TROUBLE),
    ],
)
def test_log_ins_that_fail(auth: Any, offered: str, meaning: Meaning) -> None:
    """decisions.md 19: a refused log-in is counted apart; a passing fault is not a refusal. The password is never in the words."""
    delivery, peer = logged_in(auth, offered)
    assert delivery.trouble is meaning and not peer.taken
    assert "gehéim" not in delivery.words


def test_no_password_travels_in_clear() -> None:
    """Without encryption nobody logs in, except on this machine."""
    from dataclasses import replace

    with Peer({"EHLO": "250-peer\r\n250 AUTH PLAIN"}, host="127.0.0.2") as peer:
        words = check(replace(server(peer.port, user="u", password="p"), host="127.0.0.2"))
        assert "unencrypted" in words and not any(command.startswith("AUTH") for command in peer.commands)


# ---------------------------------------------------------------- sessions


def test_a_session_is_used_again() -> None:
    """One connection for many mails, RSET in between; left with QUIT at the end."""
    with Peer() as peer:
        transport = SmtpTransport(server(peer.port))
        assert all(accepted(once(transport)) for _ in range(5))
        assert peer.connections == 1
        assert [command for command in peer.commands if command == "RSET"] == ["RSET"] * 4
        transport.close()


@pytest.mark.parametrize("reset", [CLOSE, RESET, STALL, "421 4.4.2 idle" + CLOSE, "250 ok\r\n250 one too many", "garbage"])
def test_a_session_that_has_gone_is_replaced(reset: str) -> None:
    """A kept session that does not answer RSET properly is no trouble of the connector: a fresh one is opened and the mail is sent."""
    with Peer({"RSET": reset}) as peer:
        transport = SmtpTransport(server(peer.port))
        assert accepted(once(transport)) and accepted(once(transport))
        assert len(peer.taken) == 2
        transport.close()


@pytest.mark.parametrize("second", [CLOSE, "421 4.4.2 idle too long" + CLOSE])
def test_a_session_that_goes_at_mail_is_replaced(second: str) -> None:
    """Between RSET and MAIL as well."""
    with Peer({"MAIL": ["250 ok", second, "250 ok"]}) as peer:
        transport = SmtpTransport(server(peer.port))
        assert accepted(once(transport)) and accepted(once(transport))
        assert peer.connections == 2 and len(peer.taken) == 2
        transport.close()


def test_a_refusal_on_a_kept_session_is_a_refusal() -> None:
    """Only a lost connection is tried afresh: 5xx at MAIL stays trouble of the connector."""
    with Peer({"MAIL": ["250 ok", "550 5.7.1 no"]}) as peer:
        transport = SmtpTransport(server(peer.port))
        assert accepted(once(transport))
        assert once(transport).trouble is Meaning.TROUBLE and peer.connections == 1


@pytest.mark.parametrize("answer", [{"RCPT": ["550 no", "250 ok"]}, {"DATA": ["550 no", "354 go"]}, {"DOT": ["550 no", "250 ok"]}])
def test_after_a_refusal_the_session_serves_the_next_mail(answer: dict[str, Any]) -> None:
    """A refused mail leaves the session whole."""
    with Peer(answer) as peer:
        transport = SmtpTransport(server(peer.port))
        assert not accepted(once(transport)) and accepted(once(transport))
        assert peer.connections == 1
        transport.close()


@pytest.mark.parametrize("answer", [{"DOT": "250 ok\r\n250 and one more"}, {"DOT": "250 ok" + CLOSE}, {"DOT": "421 4.3.2 closing"}, {"DATA": ["250 odd", "354 go"]}])
def test_a_session_with_words_left_over_is_not_used_again(answer: dict[str, Any]) -> None:
    """An answer too many could be taken for the acceptance of the next mail."""
    with Peer(answer) as peer:
        transport = SmtpTransport(server(peer.port))
        once(transport)
        once(transport)
        assert peer.connections == 2
        transport.close()


def test_worn_sessions_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many uses, or so much time, a session ends with QUIT."""
    monkeypatch.setattr(smtp, "MAX_USES", 2)
    with Peer() as peer:
        transport = SmtpTransport(server(peer.port))
        assert all(accepted(once(transport)) for _ in range(4))
        assert peer.connections == 2
        monkeypatch.setattr(smtp, "MAX_IDLE", -1.0)
        assert accepted(once(transport)) and peer.connections == 3
        transport.close()


def test_many_threads_share_a_transport() -> None:
    """Each mail whole and once, on no more connections than threads."""
    with Peer() as peer:
        transport = SmtpTransport(server(peer.port, command_timeout=10.0))
        results: list[bool] = []

        def work(n: int) -> None:
            results.extend(accepted(once(transport, f"{n}.{i}")) for i in range(10))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [True] * 60 and len(peer.taken) == 60
        assert all(taken.data == MAIL for taken in peer.taken)
        assert peer.connections <= 20
        transport.close()


# ---------------------------------------------------------------- settings


def connector(**outgoing: Any) -> Connector:
    return Connector("c", "support", "support@demo.example", outgoing={"kind": "smtp", "host": "mx.example", **outgoing})


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_ports(security: str, port: int) -> None:
    """Each kind of encryption has its usual port; another can be named."""
    assert server_of(connector(security=security), {}, "desk.example", 60).port == port
    assert server_of(connector(security=security, port=2500), {}, "desk.example", 60).port == 2500


def test_passwords_come_from_the_environment() -> None:
    """decisions.md 25: only the name of the variable is configured."""
    made = server_of(connector(user="u", password_env="DESK_PW"), {"DESK_PW": "secret"}, "desk.example", 60)
    assert (made.user, made.password, made.hostname, made.security) == ("u", "secret", "desk.example", "starttls")


@pytest.mark.parametrize(("outgoing", "words"), [({"host": ""}, "no host"), ({"security": "maybe"}, "maybe"), ({"user": "u", "password_env": "NOT_SET"}, "NOT_SET")])
def test_settings_that_cannot_work(outgoing: dict[str, Any], words: str) -> None:
    """A sentence for the administrator, and the mails stay pending with it."""
    with pytest.raises(SettingsTrouble, match=words):
        server_of(connector(**outgoing), {}, "h", 60)
    from pathlib import Path

    delivery = TransportPool(Path("."), {})(connector(**outgoing)).deliver(Outgoing("id", "", ONE, MAIL), lambda: None)
    assert (delivery.stage, delivery.trouble) == (Stage.SETTINGS, Meaning.TROUBLE) and words in delivery.words


def test_a_transport_lives_as_long_as_its_settings() -> None:
    """The same connector, the same way out; other settings, another one; an unknown kind says so in every answer."""
    from pathlib import Path

    pool = TransportPool(Path("."), {})
    first = pool(connector())
    assert pool(connector()) is first and pool(connector(port=26)) is not first
    odd = pool(connector(kind="pigeon")).deliver(Outgoing("id", "", ONE, MAIL), lambda: None)
    assert odd.trouble is Meaning.TROUBLE and "pigeon" in odd.words
    pool.close()


def test_check_says_what_is_wrong() -> None:
    """For `guichet check`: connect, encrypt and log in without sending anything."""
    with Peer() as peer:
        assert check(server(peer.port)) == ""
    with Peer({"EHLO": "550 no"}) as peer:
        assert check(server(peer.port)) == "ehlo: 550 no"
