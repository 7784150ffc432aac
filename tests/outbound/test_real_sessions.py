"""Encryption, certificates of ours, log-in and kept sessions with a real Postfix, and with Dovecot as the one who checks its log-ins.

What its rules refuse is `test_real_refusals.py`; the same played by a script is `test_smtp.py`, `test_smtp_token.py` and `behaviours.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.delivery import Delivery, Meaning, Stage
from core.outbox import Outcome
from gateway.outbound.port import Outgoing
from gateway.outbound.session import Bearer
from gateway.outbound.smtp import SmtpTransport
from tests import dovecot
from tests.conftest import free_port, missing
from tests.dovecot import PASSWORD, TOKEN, Dovecot
from tests.outbound import certificates
from tests.outbound.test_real_refusals import SENDER, letter, outcomes, sent, transport
from tests.postfix import Postfix, missing_reason, wait_for

A, T, P, U = Outcome.ACCEPTED, Outcome.TEMPORARY, Outcome.PERMANENT, Outcome.UNKNOWN


def pem(kind: str) -> tuple[str, str]:
    """Certificate (its own authority) and key."""
    authority, _ = certificates.made(kind)
    return str(authority), str(authority.parent / "key.pem")


def tls(kind: str = "good", **more: str) -> dict[str, str]:
    """A door that takes mail by TLS only, with a certificate of that kind."""
    certificate, key = pem(kind)
    return {"smtpd_tls_security_level": "encrypt", "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key, **more}


def asking(**more: str) -> dict[str, str]:
    """A door that wants a certificate of the client, of the authority *asks*."""
    return tls(smtpd_tls_ask_ccert="yes", smtpd_tls_CAfile=pem("asks")[0], **more)


def submission(port: int, **more: str) -> dict[str, str]:
    """A door for users whom Dovecot knows; support@demo.example is of the user support."""
    return {
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": f"inet:127.0.0.1:{port}",
        "smtpd_sender_login_maps": "texthash:$config_directory/owners",
        "smtpd_sender_restrictions": "reject_sender_login_mismatch",
        "smtpd_recipient_restrictions": "permit_sasl_authenticated, reject",
        **more,
    }


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """One Postfix with doors for every kind of encryption."""
    if missing_reason():
        missing(missing_reason())
    doors = {
        "good": tls(),
        "expired": tls("expired"),
        "wrong name": tls("wrong name"),
        "first byte": tls(smtpd_tls_wrappermode="yes"),
        "asks": asking(smtpd_tls_req_ccert="yes"),
        "asks with TLS 1.2": asking(smtpd_tls_req_ccert="yes", smtpd_tls_mandatory_protocols="!TLSv1.3"),
        "by certificate": asking(smtpd_recipient_restrictions="permit_tls_all_clientcerts, reject"),
    }
    with Postfix(doors=doors) as running:
        yield running


@pytest.fixture(scope="module")
def mail_server() -> Iterator[tuple[Postfix, Dovecot]]:
    """A Postfix whose log-ins are checked by a Dovecot."""
    if missing_reason() or dovecot.missing_reason():
        missing(missing_reason() or dovecot.missing_reason())
    port = free_port()
    door = f"service auth {{\n  inet_listener {{\n    address = 127.0.0.1\n    port = {port}\n  }}\n}}\n"
    doors = {
        "plain": submission(port),
        "login": submission(port, smtpd_sasl_mechanism_filter="login"),
        "inside TLS": submission(port, **tls(smtpd_tls_auth_only="yes")),
        "tags": submission(port, recipient_delimiter="+"),
        "one log-in a minute": submission(port, smtpd_client_auth_rate_limit="1", smtpd_client_event_limit_exceptions=""),
    }
    with Dovecot(more=door) as checks, Postfix(doors=doors, files={"owners": f"{SENDER} support\n"}) as running:
        yield running, checks


def over_tls(postfix: Postfix, door: str, **more: object) -> SmtpTransport:
    return transport(postfix, door, **{"security": "starttls", "ca_file": pem("good")[0], **more})


def user(postfix: Postfix, door: str = "plain", **more: object) -> SmtpTransport:
    return transport(postfix, door, **{"user": "support", "password": PASSWORD, **more})


def once(way: SmtpTransport, **more: str) -> Delivery:
    """One mail, and the session is left."""
    try:
        return sent(way, **more)  # type: ignore[arg-type]
    finally:
        way.close()


# ---------------------------------------------------------------- encryption


@pytest.mark.parametrize(("door", "security"), [("good", "starttls"), ("first byte", "tls")])
def test_an_encrypted_way(postfix: Postfix, door: str, security: str) -> None:
    """By STARTTLS and from the first byte, with a certificate of an authority of our own; two mails on one session."""
    way, before = over_tls(postfix, door, security=security), len(postfix.log())
    assert [outcomes(sent(way)) for _ in range(2)] == [[A], [A]]
    way.close()
    wait_for(lambda: " mail=2 " in postfix.log()[before:], what="the end of one session")


UNSAFE = [
    ("good", "starttls", "", Stage.TLS, "self-signed certificate"),
    ("expired", "starttls", "expired", Stage.TLS, "has expired"),
    ("wrong name", "starttls", "wrong name", Stage.TLS, "not valid for"),
    ("first byte", "tls", "", Stage.TLS, "self-signed certificate"),
    ("good", "tls", "good", Stage.TLS, "TLS failed"),
    ("good", "none", "", Stage.MAIL, "it wants encryption first"),
]


@pytest.mark.parametrize(("door", "security", "trusted", "stage", "words"), UNSAFE)
def test_what_cannot_be_trusted_gets_nothing(postfix: Postfix, door: str, security: str, trusted: str, stage: Stage, words: str) -> None:
    """Contract section 4: unknown authority, expired, another name, no TLS where TLS is wanted: the connector's trouble with its reason, no mail handed over."""
    before = len(postfix.log())
    delivery = once(over_tls(postfix, door, security=security, ca_file=pem(trusted)[0] if trusted else "", user="support", password="geheim") if security != "none"
                    else over_tls(postfix, door, security=security))
    assert (delivery.stage, delivery.trouble) == (stage, Meaning.TROUBLE) and words in delivery.words, delivery
    wait_for(lambda: "disconnect from" in postfix.log()[before:], what="the end of the session")
    said = postfix.log()[before:]
    assert "client=" not in said and " auth=" not in said and (security == "none" or " mail=" not in said)


@pytest.mark.parametrize("door", ["asks", "asks with TLS 1.2"])
@pytest.mark.parametrize(("shown", "words"), [("", "No client certificate presented"), ("stranger", "Client certificate not trusted")])
def test_a_server_that_wants_a_certificate_of_ours(postfix: Postfix, door: str, shown: str, words: str) -> None:
    """Postfix says so with 421 at EHLO, not in TLS: it is trouble that somebody must look at, for it will not pass."""
    certificate, key = pem(shown) if shown else ("", "")
    delivery = once(over_tls(postfix, door, certificate=certificate, certificate_key=key))
    assert (delivery.stage, delivery.trouble) == (Stage.EHLO, Meaning.TROUBLE)
    assert words in delivery.words and "it wants a certificate of ours" in delivery.words
    certificate, key = pem("asks")
    assert outcomes(once(over_tls(postfix, door, certificate=certificate, certificate_key=key))) == [A]


def test_a_certificate_of_ours_is_the_log_in(postfix: Postfix) -> None:
    """permit_tls_all_clientcerts: with it the mail is taken, without it the recipient is refused and the words say where to look."""
    certificate, key = pem("asks")
    assert outcomes(once(over_tls(postfix, "by certificate", certificate=certificate, certificate_key=key))) == [A]
    refused = once(over_tls(postfix, "by certificate"))
    assert outcomes(refused) == [P] and "look whether the connector logs in" in refused.words


# ---------------------------------------------------------------- log-in


@pytest.mark.parametrize("door", ["plain", "login"])
def test_a_password(mail_server: tuple[Postfix, Dovecot], door: str) -> None:
    """AUTH PLAIN, and LOGIN where only that is offered; a wrong one is a refused log-in, not a refused mail."""
    postfix, _ = mail_server
    before = len(postfix.log())
    delivery = once(user(postfix, door))
    assert outcomes(delivery) == [A] and f"sasl_method={door.upper()}, sasl_username=support" in postfix.log()[before:]
    wrong = once(user(postfix, door, password="wrong"))
    assert (wrong.stage, wrong.trouble) == (Stage.AUTH, Meaning.LOGIN_REFUSED) and "user name or secret is wrong" in wrong.words


def test_a_password_inside_tls(mail_server: tuple[Postfix, Dovecot]) -> None:
    """smtpd_tls_auth_only: AUTH is offered after STARTTLS only, and used there."""
    assert outcomes(once(user(mail_server[0], "inside TLS", security="starttls", ca_file=pem("good")[0]))) == [A]


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
def test_a_token(mail_server: tuple[Postfix, Dovecot], auth: str) -> None:
    """Taken; refused after the 334 challenge and our pardon; a second token replaces a refused one within the same attempt."""
    postfix, _ = mail_server
    for tokens, refused in (([TOKEN], []), (["old", TOKEN], ["old"])):
        heard: list[str] = []
        giver = iter(tokens)
        assert outcomes(once(user(postfix, auth=auth, bearer=Bearer(lambda given=giver: next(given), heard.append)))) == [A]  # type: ignore[misc]
        assert heard == refused
    delivery = once(user(postfix, auth=auth, bearer=Bearer(lambda: "old")))
    assert (delivery.stage, delivery.trouble) == (Stage.AUTH, Meaning.LOGIN_REFUSED) and "old" not in delivery.words


def test_a_sender_that_is_not_ours(mail_server: tuple[Postfix, Dovecot]) -> None:
    """reject_sender_login_mismatch at RCPT: that mail is refused with the reason, the next one by the same session is taken; the null sender is nobody's."""
    way = user(mail_server[0])
    other, ours, nobody = (sent(way, sender=sender) for sender in ("boss@elsewhere.example", SENDER, ""))
    way.close()
    assert [outcomes(one) for one in (ours, nobody)] == [[A], [A]]
    assert outcomes(other) != [A]


def test_a_bounce_address_as_sender(mail_server: tuple[Postfix, Dovecot]) -> None:
    """decisions.md 3: with recipient_delimiter the tagged sender is the user's own; without, it is refused, which the round trip of the connection test finds out."""
    sender = "support+b.x@demo.example"
    assert outcomes(once(user(mail_server[0], "tags"), sender=sender)) == [A]
    refused = once(user(mail_server[0]), sender=sender)
    assert "rejected" in refused.words and A not in outcomes(refused)


def test_nobody_logged_in(mail_server: tuple[Postfix, Dovecot]) -> None:
    """A connector without user: “not logged in” is its trouble, and no mail fails for it."""
    delivery = once(transport(mail_server[0], "plain"))
    assert (delivery.stage, delivery.trouble) == (Stage.RCPT, Meaning.TROUBLE) and "it wants us to log in" in delivery.words


def test_too_many_log_ins(mail_server: tuple[Postfix, Dovecot]) -> None:
    """smtpd_client_auth_rate_limit: it passes, and is no refused log-in, which would suspend the connector."""
    assert outcomes(once(user(mail_server[0], "one log-in a minute"))) == [A]
    delivery = once(user(mail_server[0], "one log-in a minute"))
    assert (delivery.stage, delivery.trouble) == (Stage.AUTH, Meaning.PASSING) and "too many log-ins" in delivery.words


def test_whoever_checks_log_ins_is_away(mail_server: tuple[Postfix, Dovecot]) -> None:
    """Dovecot is stopped: a session that is logged in goes on, a new one hears 454, which blames neither password nor token; then it is back."""
    postfix, checks = mail_server
    refused: list[str] = []
    way = user(postfix)
    assert outcomes(sent(way)) == [A]
    checks.stop()
    try:
        assert outcomes(once(way)) == [A]
        for fresh in (user(postfix), user(postfix, auth="xoauth2", bearer=Bearer(lambda: TOKEN, refused.append))):
            delivery = once(fresh)
            assert delivery.trouble is Meaning.PASSING and not refused, delivery
    finally:
        checks.start()
    wait_for(lambda: outcomes(once(user(postfix))) == [A], what="log-ins again")


# ---------------------------------------------------------------- a server that goes and comes


def either(server: Postfix, security: str) -> SmtpTransport:
    """In clear, or by TLS."""
    return transport(server) if security == "none" else over_tls(server, "good")


@pytest.mark.parametrize("security", ["none", "starttls"])
def test_a_restart_between_two_mails(security: str) -> None:
    """The session that was kept is gone: a new one is opened unseen, and each mail is there once."""
    if missing_reason():
        missing(missing_reason())
    with Postfix(doors={"good": tls()}) as server:
        way = either(server, security)
        assert outcomes(sent(way, raw=letter("one"))) == [A]
        server.restart()
        assert outcomes(once(way, raw=letter("two"))) == [A]  # type: ignore[arg-type]
        kept = wait_for(lambda: len(server.mails()) == 2 and server.mails(), what="two mails")
        assert sorted(mail["Subject"] for mail in kept) == ["one", "two"]


@pytest.mark.parametrize("security", ["none", "starttls"])
def test_a_restart_before_the_dot(security: str) -> None:
    """Postfix dies when all but the dot has left: nobody can know, and it says so; Postfix has not got it, and the repeat is the only copy."""
    if missing_reason():
        missing(missing_reason())
    with Postfix(doors={"good": tls()}) as server:
        way = either(server, security)
        delivery = way.deliver(Outgoing("id", SENDER, ("fine@mailbox.example",), letter("repeated")), server.restart)
        assert outcomes(delivery) == [U] and delivery.stage is Stage.DOT
        assert outcomes(once(way, raw=letter("repeated"))) == [A]  # type: ignore[arg-type]
        wait_for(lambda: len(server.mails()) == 1, what="one mail")
        assert server.queue() == []
