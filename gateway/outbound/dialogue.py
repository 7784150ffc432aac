"""One mail in an open SMTP session, verb by verb: MAIL, RCPT, DATA, the body, the mark, the dot; opening the session is `session.py`.

Everything that ends it is looked up in the tables of `core/answers.py` and `core/delivery.py`; no verb decides for itself. Where the server
pipelines, RSET, MAIL, RCPT and DATA are one write (RFC 2920), and their answers are read one by one all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from core.answers import CLOSES, WITHOUT_DSN
from core.delivery import OUTCOME_OF, TROUBLES, Delivery, Meaning, Reply, Stage
from core.mail import address_key
from core.outbox import Outcome
from core.queue_id import queue_id
from gateway.outbound.ended import Ended, Stale, meaning_of, told
from gateway.outbound.envelope import Envelope
from gateway.outbound.headers import envelope_address
from gateway.outbound.port import Outgoing
from gateway.outbound.session import Server
from gateway.outbound.wire import CHUNK, Answer, Wire


class DsnRefused(Exception):
    """The server offers delivery reports but refused a command that asks for one; nothing of the mail was handed over.

    `stage` and `key` (address key, '' at MAIL) say which.
    """

    def __init__(self, stage: Stage, key: str = "") -> None:
        super().__init__(f"{stage} {key}")
        self.stage = stage
        self.key = key


def send(wire: Wire, server: Server, mail: Outgoing, before_final_dot: Callable[[], None], *, used: bool = False, dsn: bool = False) -> Delivery:
    """One mail on an open session. `used`: the session had a mail before, and is reset first. `dsn`: reports are asked for where they are offered.

    Raises Ended for what ends it because of the connector, before anybody took the mail; DsnRefused; and what `before_final_dot` raises. Then the
    wire is of no use any more. After anything but a whole dialogue it is closed, so that nothing of this mail can be taken for an answer to the next.
    """
    return _Dialogue(wire, server, mail, before_final_dot, dsn=dsn).run(used)


class _Dialogue:
    """What became of each recipient so far, and how far the talk has come."""

    def __init__(self, wire: Wire, server: Server, mail: Outgoing, before_final_dot: Callable[[], None], *, dsn: bool) -> None:
        self._wire = wire
        self._server = server
        self._mail = mail
        self._mark = before_final_dot
        self._envelope = Envelope(wire, mail, dsn=dsn)
        self._outcomes: dict[str, tuple[Outcome, str]] = {}
        self._stage = Stage.LIMITS
        self._queue_id = ""
        self._marked = False

    def run(self, used: bool) -> Delivery:
        """All transactions that it takes: a server may want many recipients in several (RFC 5321 section 4.5.3.1.10)."""
        until = self._wire.deadline
        asked = self._askable()
        rest = self._transaction(asked, used) if asked else {}
        while rest and self._wire.sock is not None and time.monotonic() < until:
            self._wire.deadline = until
            try:
                rest = self._transaction(rest, True)
            except (Ended, DsnRefused):  # somebody has the mail already; those it is not about keep their "for now"
                self._wire.drop()
                break
        return self._delivery()

    def _askable(self) -> dict[str, str]:
        """Address key → address of those the server can be asked for; for the others we know the end without asking."""
        words = self._envelope.beyond_the_limits()
        asked: dict[str, str] = {}
        for address in self._mail.recipients:
            key, bare = address_key(address), envelope_address(address)
            why_not = words or (self._envelope.beyond_this_server(bare) if bare else "this is not a mail address")
            if why_not:
                self._outcomes[key] = (OUTCOME_OF[meaning_of(Stage.LIMITS, Answer(Reply.NEVER, ""))], why_not)
            else:
                asked[key] = bare
        return asked

    def _transaction(self, asked: dict[str, str], used: bool) -> dict[str, str]:
        """One transaction for `asked`; who of them is to be asked in another one at once."""
        lines = [*("RSET",) * used, self._envelope.sender(), *(self._envelope.recipient(bare) for bare in asked.values()), "DATA"]
        answers = self._wire.commands(lines)
        if used:
            reset = next(answers)
            if reset.reply is not Reply.OK:
                raise Stale(Stage.MAIL, reset)
        if not self._sender_taken(next(answers), asked):
            return {}
        self._stage = Stage.RCPT
        taken, rest = self._recipients_taken(answers, asked)
        if self._wire.sock is None:
            return {}
        if not taken:
            if self._wire.pipelines:
                self._data_for_nobody(next(answers), asked)
            return {}
        accepted = self._handed_over(next(answers), taken, asked)
        return rest if accepted and self._wire.sock is not None else {}

    def _sender_taken(self, answer: Answer, asked: dict[str, str]) -> bool:
        self._stage = Stage.MAIL
        meaning = meaning_of(Stage.MAIL, answer)
        if meaning is Meaning.PROCEED:
            return True
        if self._envelope.dsn and answer.code in WITHOUT_DSN:
            raise DsnRefused(Stage.MAIL)
        if meaning in TROUBLES:
            raise Ended(Stage.MAIL, answer)
        self._all(asked, OUTCOME_OF[meaning], answer)
        if self._wire.pipelines or _closes(answer):  # its other answers are not waited for
            self._wire.drop()
        return False

    def _recipients_taken(self, answers: Iterator[Answer], asked: dict[str, str]) -> tuple[list[str], dict[str, str]]:
        """The keys of those taken, and who is for another transaction. When the connection breaks nobody is taken and it is closed."""
        taken: list[str] = []
        rest: dict[str, str] = {}
        for key, bare in asked.items():
            answer = next(answers)
            meaning = meaning_of(Stage.RCPT, answer)
            if meaning is Meaning.PROCEED:
                taken.append(key)
                continue
            if meaning is Meaning.PASSING and taken and not _closes(answer):  # by the next mail the connector learns of it; a large one would else never leave
                self._outcomes[key] = (Outcome.TEMPORARY, answer.words)
                continue
            if meaning in TROUBLES:
                raise Ended(Stage.RCPT, answer)
            if self._envelope.dsn and answer.code in WITHOUT_DSN:
                raise DsnRefused(Stage.RCPT, key)
            if answer.reply is Reply.GO_ON:
                self._misfit(asked, answer)
                return [], {}
            self._outcomes[key] = (OUTCOME_OF[meaning], told(Stage.RCPT, answer))
            if meaning is Meaning.NEXT:
                rest[key] = bare
            if _closes(answer):
                self._all([other for other in asked if other in taken or other not in self._outcomes], Outcome.TEMPORARY, answer)
                self._wire.drop()
                return [], {}
        return taken, rest

    def _data_for_nobody(self, answer: Answer, asked: dict[str, str]) -> None:
        """DATA was on its way before we knew that nobody was taken. A server that goes on is left: not even an empty mail is sent (RFC 2920 section 3.1)."""
        if answer.reply in (Reply.OK, Reply.GARBAGE):
            self._misfit(asked, answer)
        elif answer.reply not in (Reply.LATER, Reply.NEVER) or _closes(answer):
            self._wire.drop()

    def _misfit(self, asked: dict[str, str], answer: Answer) -> None:
        """An answer that its command does not have: nobody knows which answers belong to which commands, so no refusal counts for good."""
        self._all(asked, Outcome.TEMPORARY, answer)
        self._wire.drop()

    def _handed_over(self, answer: Answer, taken: list[str], asked: dict[str, str]) -> bool:
        """The body, the mark, the dot, after the answer to DATA; whether the mail was accepted."""
        self._stage = Stage.DATA
        if meaning_of(Stage.DATA, answer) is Meaning.PROCEED:
            self._stage, answer = self._body_and_dot()
        elif answer.reply in (Reply.OK, Reply.GARBAGE):
            self._misfit(asked, answer)
            return False
        meaning = meaning_of(self._stage, answer)
        if meaning in TROUBLES:
            raise Ended(self._stage, answer)
        self._all(taken, OUTCOME_OF[meaning], answer)
        if _closes(answer) or self._stage is Stage.BODY or answer.reply is Reply.GO_ON:
            self._wire.drop()
        if meaning is Meaning.ACCEPTED:
            self._queue_id = self._queue_id or queue_id(answer.words)
        return meaning is Meaning.ACCEPTED

    def _body_and_dot(self) -> tuple[Stage, Answer]:
        """The stage reached and its answer. What the mark raises closes the wire before the dot."""
        fault = _write_body(self._wire, self._server, dot_stuffed(self._mail.data))
        if fault is not None:
            return Stage.BODY, fault
        if not self._marked:
            try:
                self._mark()
            except BaseException:
                self._wire.drop()
                raise
            self._marked = True
        self._wire.deadline = time.monotonic() + self._server.time.after_dot
        lost = self._wire.write(b".\r\n", self._server.write_timeout)
        return Stage.DOT, lost or self._wire.reply(self._server.time.after_dot)

    def _all(self, keys: dict[str, str] | list[str], outcome: Outcome, answer: Answer) -> None:
        words = told(self._stage, answer) if outcome is Outcome.PERMANENT else answer.words
        self._outcomes.update(dict.fromkeys(keys, (outcome, words)))

    def _delivery(self) -> Delivery:
        said = self._outcomes.values()
        words = next((words for outcome, words in said if outcome is not Outcome.ACCEPTED), "") or next((words for _, words in said), "")
        return Delivery(self._stage, words, self._outcomes, queue_id=self._queue_id, size_limit=self._envelope.size_limit)


def _closes(answer: Answer) -> bool:
    """Whether nothing more will come after this answer, or nothing that could be trusted."""
    return answer.code == 0 or answer.code in CLOSES


def _write_body(wire: Wire, server: Server, body: bytes) -> Answer | None:
    """All of the body but the final dot. An answer that comes meanwhile is nobody's acceptance, and is the words of the fault."""
    view = memoryview(body)
    for start in range(0, len(view), CHUNK):
        fault = wire.write(view[start : start + CHUNK], server.write_timeout)
        if fault is not None:
            said = wire.unasked()
            return said if said is not None and said.code else fault
    return wire.unasked()


def dot_stuffed(data: bytes) -> bytes:
    """The body as it goes over the wire without its final dot (RFC 5321 section 4.5.2): CRLF line ends only, dots doubled, ended.

    A body that needs nothing of that is not copied.
    """
    if not data.count(b"\n") == data.count(b"\r") == data.count(b"\r\n"):  # a bare CR or LF could end the mail early at a careless server
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    if b"\r\n." in data:
        data = data.replace(b"\r\n.", b"\r\n..")
    return b"." + data if data.startswith(b".") else data
