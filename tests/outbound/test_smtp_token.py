"""Logging in at a server with an access token: XOAUTH2 and OAUTHBEARER, refusals, and trouble on the way to the token; against the scripted peer."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest

from core.delivery import Delivery, Meaning, Stage
from core.outbox import Outcome
from core.setup import Connector
from gateway.oauth.trouble import ConsentNeeded, TokenTrouble
from gateway.outbound.port import Outgoing
from gateway.outbound.session import Bearer
from gateway.outbound.smtp import SettingsTrouble, server_of
from gateway.outbound.transports import TransportPool
from tests.outbound.peer import Peer, Reply
from tests.outbound.test_dialogue import MAIL, ONE

OFFERS = "250-peer\r\n250 AUTH PLAIN XOAUTH2 OAUTHBEARER"
TAKEN = "235 2.7.0 welcome"


class Giver:
    """Gives tokens one after the other, and remembers which were refused."""

    def __init__(self, fault: TokenTrouble | None = None) -> None:
        self.given = 0
        self.refused: list[str] = []
        self.always = ""
        self._fault = fault

    def __call__(self) -> str:
        if self._fault is not None:
            raise self._fault
        self.given += 1
        if self.always:
            return self.always
        return f"token-{self.given}"

    def bearer(self, connector: Connector) -> Bearer:
        return Bearer(self, self.refused.append)


def connector(port: int, auth: str = "xoauth2") -> Connector:
    outgoing: dict[str, object] = {"kind": "smtp", "host": "127.0.0.1", "port": port, "security": "none", "user": "desk@demo.example", "auth": auth}
    return Connector("c", "support", "support@demo.example", outgoing=outgoing)


def delivered(giver: Giver, auth: str = "xoauth2", **script: Reply) -> tuple[Delivery, list[str]]:
    """One delivery, and what the peer heard of the log-in."""
    with Peer({"EHLO": OFFERS, **script}) as peer:
        pool = TransportPool(Path("."), {}, bearer=giver.bearer)
        delivery = pool(connector(peer.port, auth)).deliver(Outgoing("id", "support@demo.example", ONE, MAIL), lambda: None)
        pool.close()
        commands = [command for command in peer.commands if not command.startswith(("EHLO", "MAIL", "RCPT", "DATA", "QUIT"))]
    return delivery, commands


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ("xoauth2", "user=desk@demo.example\1auth=Bearer token-1\1\1"),
        ("oauthbearer", "n,a=desk@demo.example,\1host=127.0.0.1\1port=%d\1auth=Bearer token-1\1\1"),
    ],
)
def test_a_token_logs_in(auth: str, said: str) -> None:
    """The mechanism and its words are those of the connector, in one command; the mail is taken."""
    giver = Giver()
    delivery, commands = delivered(giver, auth, AUTH=TAKEN)
    assert [outcome for outcome, _ in delivery.recipients.values()] == [Outcome.ACCEPTED]
    (command,) = commands
    verb, mechanism, words = command.split(" ")
    heard = b64decode(words).decode()
    port = heard.partition("port=")[2].partition("\1")[0]
    assert (verb, mechanism, heard) == ("AUTH", auth.upper(), said % int(port) if "%d" in said else said)
    assert giver.refused == []


def test_every_session_asks_for_a_token() -> None:
    """A token lives for an hour, a transport for weeks: none is kept here."""
    giver = Giver()
    pool = TransportPool(Path("."), {}, bearer=giver.bearer)
    with Peer({"EHLO": OFFERS, "AUTH": TAKEN}) as peer:
        transport = pool(connector(peer.port))
        for _ in range(2):
            transport.deliver(Outgoing("id", "support@demo.example", ONE, MAIL), lambda: None)
            transport.close()
    assert giver.given == 2


@pytest.mark.parametrize(("auth", "pardon"), [("xoauth2", ""), ("oauthbearer", "AQ==")])
def test_a_refused_token_is_told_to_whoever_gave_it(auth: str, pardon: str) -> None:
    """The server first says what is wrong (334), is answered (XOAUTH2: with nothing), and refuses: the token will not be given again. One more is tried, no third."""
    giver = Giver()
    delivery, commands = delivered(giver, auth, AUTH=["334 eyJzdGF0dXMiOiI0MDAifQ==", "535 5.7.3 Authentication unsuccessful"] * 2)
    assert (delivery.stage, delivery.trouble) == (Stage.AUTH, Meaning.LOGIN_REFUSED) and "5.7.3" in delivery.words
    assert giver.refused == ["token-1", "token-2"] and [commands[n] for n in (1, 3)] == [pardon] * 2 and len(commands) == 4
    assert "token-" not in delivery.words


def test_a_token_that_was_taken_back_is_replaced_at_once() -> None:
    """The second token is another one and is taken: the mail leaves, nobody hears of a refused log-in."""
    giver = Giver()
    delivery, commands = delivered(giver, AUTH=["535 5.7.8 revoked", TAKEN])
    assert [outcome for outcome, _ in delivery.recipients.values()] == [Outcome.ACCEPTED]
    assert giver.refused == ["token-1"] and len(commands) == 2


def test_the_same_token_is_not_tried_twice() -> None:
    """A provider that gives the refused token again is not believed: no second log-in, no storm."""
    giver = Giver()
    giver.always = "token-x"
    delivery, commands = delivered(giver, AUTH="535 5.7.8 no")
    assert delivery.trouble is Meaning.LOGIN_REFUSED and len(commands) == 1


def test_a_token_that_runs_out_in_a_kept_session_costs_nothing() -> None:
    """530 at MAIL on a session that was kept: one new session with a new token, and the mail leaves."""
    giver = Giver()
    with Peer({"EHLO": OFFERS, "AUTH": TAKEN, "MAIL": ["250 ok", "530 5.7.57 Client not authenticated", "250 ok"]}) as peer:
        pool = TransportPool(Path("."), {}, bearer=giver.bearer)
        transport = pool(connector(peer.port))
        for _ in range(2):
            delivery = transport.deliver(Outgoing("id", "support@demo.example", ONE, MAIL), lambda: None)
            assert [outcome for outcome, _ in delivery.recipients.values()] == [Outcome.ACCEPTED]
        pool.close()
    assert (giver.given, peer.connections, len(peer.taken)) == (2, 2, 2)


def test_a_passing_refusal_does_not_blame_the_token() -> None:
    """454 is later, and the token stays."""
    giver = Giver()
    delivery, _ = delivered(giver, AUTH="454 4.7.0 Temporary authentication failure")
    assert delivery.trouble is Meaning.PASSING and giver.refused == []


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        (TokenTrouble(Meaning.PASSING, "the provider does not answer"), Meaning.PASSING),
        (TokenTrouble(Meaning.TROUBLE, "the secret is not set"), Meaning.TROUBLE),
        (ConsentNeeded(Meaning.LOGIN_REFUSED, "run: guichet connector consent support"), Meaning.LOGIN_REFUSED),
    ],
)
def test_trouble_with_the_token_is_the_connectors(fault: TokenTrouble, meaning: Meaning) -> None:
    """Nothing is said to the server, mails stay pending with the sentence, and it means what it means at a mailbox."""
    delivery, commands = delivered(Giver(fault))
    assert delivery.trouble is meaning and str(fault) in delivery.words and commands == [] and not delivery.recipients


def test_settings_that_cannot_work() -> None:
    """A mechanism that is not offered is never replaced by another, and without a way to a token there is a sentence."""
    delivery, commands = delivered(Giver(), EHLO="250-peer\r\n250 AUTH PLAIN")
    assert delivery.trouble is Meaning.TROUBLE and "XOAUTH2" in delivery.words and commands == []
    with pytest.raises(SettingsTrouble, match="no access token"):
        server_of(connector(25), {}, "h", 60)
