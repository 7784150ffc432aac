"""A mail and any answers at all, well-formed or not, one by one and pipelined: what no server may bring about, checked on a wire made of answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from core.delivery import TROUBLES, Reply, Stage, reply_class
from core.outbox import Outcome
from gateway.outbound.dialogue import DsnRefused, send
from gateway.outbound.ended import Ended
from gateway.outbound.port import Outgoing
from gateway.outbound.session import Server
from gateway.outbound.wire import Answer
from tests.outbound.test_dialogue import MAIL, THREE

CODES = (200, 220, 235, 250, 251, 252, 354, 421, 432, 450, 451, 452, 500, 501, 503, 504, 521, 530, 550, 551, 552, 553, 554, 555, 556)
TEXTS = ("", "ok", "4.5.3 too many recipients", "4.7.1 greylisted", "5.1.1 no", "5.4.5 daily", "5.7.60 send as", "5.3.4 size", "2.0.0 queued as A1B2", "5.7.1 policy")


def _answer(spoken: tuple[int, str] | Reply) -> Answer:
    if isinstance(spoken, Reply):
        return Answer(spoken, f"nothing but {spoken}")
    return Answer(reply_class(spoken[0]), f"{spoken[0]} {spoken[1]}", spoken[0])


any_answer = some.one_of(
    some.tuples(some.sampled_from((250, 250, 354)), some.just("ok")),
    some.tuples(some.sampled_from(CODES), some.sampled_from(TEXTS)),
    some.sampled_from((Reply.GARBAGE, Reply.SILENCE, Reply.GONE)),
).map(_answer)


class AnswersOnly:
    """A wire that answers from a list. It fails whoever goes on after an answer that ended it, or writes what was not due."""

    def __init__(self, answers: list[Answer], *, pipelines: bool, dsn: bool) -> None:
        self.pipelines = pipelines
        self.esmtp_features = {"size": "100000"} | ({"dsn": ""} if dsn else {})
        self.sock: object | None = object()
        self.deadline = float("inf")
        self.talk: list[tuple[str, Answer]] = []
        self.written: list[bytes] = []
        self._answers = answers
        self._over = False

    def has_extn(self, name: str) -> bool:
        return name in self.esmtp_features

    def commands(self, lines: Sequence[str]) -> Iterator[Answer]:
        for line in lines:
            yield self._next(line)

    def reply(self, timeout: float) -> Answer:
        return self._next(".")

    def unasked(self) -> Answer | None:
        return None

    def write(self, data: bytes | memoryview, timeout: float) -> Answer | None:
        assert self.talk[-1][0] in ("DATA", ".") and self.talk[-1][1].code == 354, "a body that nobody asked for"
        self.written.append(bytes(data))
        return None

    def drop(self) -> None:
        self.sock = None

    def _next(self, line: str) -> Answer:
        assert self.sock is not None and not self._over, "went on after the end"
        answer = self._answers.pop(0) if self._answers else Answer(Reply.SILENCE, "no more")
        self._over = answer.code == 0
        self.talk.append((line, answer))
        return answer


@settings(max_examples=400, deadline=None)
@given(some.lists(any_answer, min_size=3, max_size=24), some.booleans(), some.booleans(), some.booleans())
def test_whatever_is_answered(answers: list[Answer], pipelines: bool, dsn: bool, used: bool) -> None:
    """Law 8: each recipient has one outcome, or none and the connector is in trouble; accepted means RCPT was 2xx and a 2xx came after the whole body and its
    dot; only the dot makes unknowns; the mark came before the first dot; a kept wire has answered everything."""
    wire: Any = AnswersOnly(list(answers), pipelines=pipelines, dsn=dsn)
    marks: list[int] = []
    try:
        delivery = send(wire, Server("peer", 25), Outgoing("id", "s@demo.example", THREE, MAIL), lambda: marks.append(len(wire.written)), used=used, dsn=dsn)
    except Ended as ended:
        assert ended.meaning in TROUBLES or (ended.stale and used)
        assert not _accepted_dots(wire), "the mail was taken, and that may not be forgotten"
        return
    except DsnRefused:
        assert dsn and not wire.written
        return
    assert delivery.trouble is None and set(delivery.recipients) == set(THREE)
    dots = [answer for line, answer in wire.talk if line == "."]
    assert len(marks) == bool(dots) and wire.written.count(b".\r\n") == len(dots)
    assert not dots or marks[0] == wire.written.index(b".\r\n")
    for one in THREE:
        outcome, words = delivery.recipients[one]
        last = [answer for line, answer in wire.talk if line.startswith(f"RCPT TO:<{one}>")]
        assert words and outcome is not Outcome.PENDING
        if outcome is Outcome.ACCEPTED:
            assert last[-1].reply is Reply.OK and _accepted_dots(wire)
        if outcome is Outcome.UNKNOWN:
            assert delivery.stage is Stage.DOT and dots and dots[-1].reply in (Reply.GO_ON, Reply.GARBAGE, Reply.SILENCE, Reply.GONE)
    if wire.sock is not None:
        assert wire.talk[-1][0] in (".", "DATA") or wire.talk[-1][0].startswith(("RCPT", "MAIL")) and not pipelines
        assert wire.talk[-1][1].code not in (0, 354, 421, 521)


def _accepted_dots(wire: Any) -> list[Answer]:
    return [answer for line, answer in wire.talk if line == "." and answer.reply is Reply.OK]
