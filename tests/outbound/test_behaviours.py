"""The table of server behaviours played for real over sockets: stage, outcome of each recipient, what becomes of the message, and never an empty mail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.delivery import Delivery, Meaning, Stage
from core.mail import Address, address_key
from core.outbox import OutboxMessage, OutboxState, Outcome, Purpose, Recipient
from core.settling import Rules, settle
from core.setup import UnknownPolicy
from gateway.outbound.port import LeaseTime, Outgoing
from gateway.outbound.session import Bearer, Server
from gateway.outbound.smtp import SmtpTransport
from tests.outbound import certificates, server_answers
from tests.outbound.behaviours import BEHAVIOURS, PIPELINED, Behaviour
from tests.outbound.peer import FINE, STALL, Peer, Reply
from tests.outbound.test_dialogue import MAIL

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LARGE = b"0123456789 some content of a long mail\r\n" * 400_000
ALL = [one for _, group in BEHAVIOURS for one in group]
PLAYED = [(one, mode) for one in ALL for mode in one.modes]


def script_of(behaviour: Behaviour, mode: str) -> dict[str, Reply]:
    """The script with an EHLO that offers what the behaviour and the mode want."""
    if "EHLO" in behaviour.script:
        return dict(behaviour.script)
    lines = (*str(FINE["EHLO"]).replace("250 ", "250-").split("\r\n"), *(f"250-{line}" for line in behaviour.offers), *("250-PIPELINING",) * (mode == PIPELINED))
    return {"EHLO": "\r\n".join((*lines, "250 HELP")), **behaviour.script}


def peer_of(behaviour: Behaviour, mode: str) -> tuple[Peer, dict[str, object]]:
    """The peer, and what of the server's settings its certificate needs."""
    script = script_of(behaviour, mode)
    if not behaviour.certificate and behaviour.script.get("STARTTLS") != "TLS":
        return Peer(script), {}
    authority, context = certificates.made("good" if behaviour.certificate == "stranger" else behaviour.certificate)
    peer = Peer(script, tls=context, implicit_tls=behaviour.security == "tls")
    return peer, {} if behaviour.certificate == "stranger" else {"ca_file": str(authority)}


def server_for(behaviour: Behaviour, port: int, more: dict[str, object]) -> Server:
    """Patient enough for a slow machine, but not where silence is what is played."""
    stalls = any(answer == STALL for answer in behaviour.script.values())
    settings: dict[str, Any] = {"security": behaviour.security, "connect_timeout": 5.0, "command_timeout": 0.4 if stalls else 5.0, "write_timeout": 5.0}
    settings |= {"time": LeaseTime(10.0, 0.5 if stalls else 5.0, 0.0)}
    if behaviour.auth:
        tokens = iter(("token-1", "token-2", "token-3"))
        settings |= {"user": "desk", "password": "gehéim"}
        settings |= {"auth": "xoauth2", "bearer": Bearer(lambda: next(tokens))} if behaviour.auth == "xoauth2" else {}
    return Server("127.0.0.1", port, **(settings | more | behaviour.server))


def played(behaviour: Behaviour, mode: str) -> tuple[Delivery, Peer, int]:
    """The delivery, the peer, and how often the mark was made for it."""
    marks: list[int] = []
    peer, more = peer_of(behaviour, mode)
    with peer:
        transport = SmtpTransport(server_for(behaviour, peer.port, more))
        if behaviour.warm:
            first = transport.deliver(Outgoing("first", behaviour.sender, behaviour.recipients, MAIL), lambda: None)
            assert {outcome for outcome, _ in first.recipients.values()} == {Outcome.ACCEPTED}
        mail = Outgoing("id", behaviour.sender, behaviour.recipients, LARGE if behaviour.large else MAIL)
        delivery = transport.deliver(mail, lambda: marks.append(1))
        transport.close()
    return delivery, peer, len(marks)


def after(behaviour: Behaviour, delivery: Delivery) -> OutboxState:
    """What `core/settling.py` makes of the message."""
    message = OutboxMessage(
        id="id", seq=1, item_id=None, state=OutboxState.SENDING, due_at=NOW, created_at=NOW, author="", purpose=Purpose.PERSON, system_generated=False,
        connector="c", importance=_importance(), message_id="m@x", envelope_from="", subject="x", attempts=1, tries_left=3,
        recipients=tuple(Recipient(Address(one)) for one in behaviour.recipients),
    )  # fmt: skip
    return settle(message, delivery, Rules((timedelta(minutes=2),) * 2, UnknownPolicy.REPEAT), NOW)[0].state


def _importance() -> Any:
    from core.mail import Importance

    return Importance.NORMAL


@pytest.mark.parametrize(("behaviour", "mode"), PLAYED, ids=[f"{one.name}, {mode}" for one, mode in PLAYED])
def test_a_behaviour_of_a_server(behaviour: Behaviour, mode: str) -> None:
    """Law 8, decisions.md 18 and 19, E-23: the stage, the outcome of each recipient, the next state; no empty mail, no second copy but after an unknown outcome."""
    delivery, peer, marks = played(behaviour, mode)
    assert delivery.stage is behaviour.stage, delivery
    if isinstance(behaviour.end, Meaning):
        assert (delivery.trouble, delivery.recipients) == (behaviour.end, {}) and delivery.words.startswith(f"{behaviour.stage}: ")
    else:
        assert delivery.trouble is None
        assert tuple(delivery.recipients[address_key(one)][0] for one in behaviour.recipients) == behaviour.end, delivery
        assert all(words for _, words in delivery.recipients.values())
    assert behaviour.expects in delivery.words and "gehéim" not in delivery.words
    assert after(behaviour, delivery) is behaviour.state
    _only_what_was_meant(behaviour, peer, delivery, marks)


def _only_what_was_meant(behaviour: Behaviour, peer: Peer, delivery: Delivery, marks: int) -> None:
    """What the peer read to its end is our mail and nothing else, after one mark; refused or unknown, it was sent once."""
    assert all(taken.data == (LARGE if behaviour.large else MAIL) for taken in peer.taken)
    expected = behaviour.taken if behaviour.taken is not None else int(delivery.stage is Stage.DOT)
    assert (len(peer.taken), marks) == (expected, int(expected > behaviour.warm)), peer.commands
    assert peer.connections == behaviour.connections or delivery.stage is Stage.CONNECT


def test_the_table_is_large_and_says_each_thing_once() -> None:
    """Issue 4 asks for 60 behaviours and more; each has its own name, and only an unknown outcome can leave a second copy."""
    assert len(ALL) >= 80 and len({one.name for one in ALL}) == len(ALL)
    assert {one.name for one in ALL if one.copy} == {one.name for one in ALL if isinstance(one.end, tuple) and Outcome.UNKNOWN in one.end}
    assert {stage for one in ALL for stage in [one.stage]} >= set(Stage) - {Stage.CONNECT}


def test_the_page_of_answers_is_fresh() -> None:
    """docs/server-answers.md is what `python -m tests.outbound.server_answers` draws."""
    page = Path(__file__).resolve().parents[2] / "docs" / "server-answers.md"
    assert page.read_text("utf-8") == server_answers.draw(), "run: python -m tests.outbound.server_answers"
