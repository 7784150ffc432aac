"""One mail in an open SMTP session, verb by verb: MAIL, RCPT, DATA, the body, the mark, the dot; opening the session is `session.py`.

Everything that ends it is looked up in THE table of `core/delivery.py`; no verb decides for itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from core.delivery import MEANING, OUTCOME_OF, Delivery, Meaning, Reply, Stage
from core.mail import address_key
from core.outbox import Outcome
from gateway.outbound.headers import envelope_address
from gateway.outbound.port import Outgoing
from gateway.outbound.session import Server, expect
from gateway.outbound.wire import CHUNK, Answer, Wire


def send(wire: Wire, server: Server, mail: Outgoing, before_final_dot: Callable[[], None]) -> Delivery:
    """One mail on an open session. Raises Ended for what ends it before any recipient was asked, and what `before_final_dot` raises.

    After anything but a whole dialogue the wire is closed, so that nothing of this mail can be taken for an answer to the next.
    """
    outcomes: dict[str, tuple[Outcome, str]] = {}
    asked = _askable(wire, mail, outcomes)
    if not asked:
        return _delivery(Stage.LIMITS, outcomes)
    expect(Stage.MAIL, wire.command(_mail_command(wire, mail)))
    taken = _ask_recipients(wire, asked, outcomes)
    if not taken:
        return _delivery(Stage.RCPT, outcomes)
    stage, answer = _hand_over(wire, server, mail, before_final_dot)
    meaning = MEANING[stage][answer.reply]
    outcomes.update(dict.fromkeys(taken, (OUTCOME_OF[meaning], answer.words)))
    if not _whole(stage, answer):
        wire.drop()
    return _delivery(stage, outcomes)


def _whole(stage: Stage, answer: Answer) -> bool:
    """Whether the server is ready for the next mail after this answer; 421 announces that it closes."""
    expected = stage is Stage.DOT or (stage is Stage.DATA and answer.reply in (Reply.LATER, Reply.NEVER))
    return expected and answer.code not in (0, 421)


def _askable(wire: Wire, mail: Outgoing, outcomes: dict[str, tuple[Outcome, str]]) -> dict[str, str]:
    """Address key → address of those the server can be asked for; for the others we know the end without asking."""
    limit = wire.esmtp_features.get("size", "")
    words = ""
    if limit.isdigit() and 0 < int(limit) < len(mail.data):
        words = f"the mail has {len(mail.data)} bytes, the server takes {int(limit)} at the most"
    elif _needs_utf8(mail) and not wire.has_extn("smtputf8"):
        words = "an address is not in ASCII, and the server does not take such addresses (SMTPUTF8)"
    asked: dict[str, str] = {}
    for address in mail.recipients:
        key, bare = address_key(address), envelope_address(address)
        if words or not bare:
            outcomes[key] = (OUTCOME_OF[MEANING[Stage.LIMITS][Reply.NEVER]], words or "this is not a mail address")
        else:
            asked[key] = bare
    return asked


def _mail_command(wire: Wire, mail: Outgoing) -> str:
    options = [f"SIZE={len(mail.data)}"] if wire.has_extn("size") else []
    if not mail.data.isascii() and wire.has_extn("8bitmime"):
        options.append("BODY=8BITMIME")
    if _needs_utf8(mail):
        options.append("SMTPUTF8")
    return " ".join((f"MAIL FROM:<{envelope_address(mail.envelope_from)}>", *options))


def _needs_utf8(mail: Outgoing) -> bool:
    """RFC 6531: an address or a header field that is not ASCII."""
    if not all(envelope_address(one).isascii() for one in (mail.envelope_from, *mail.recipients)):
        return True
    return not mail.data.isascii() and not mail.data.partition(b"\r\n\r\n")[0].isascii()


def _ask_recipients(wire: Wire, asked: dict[str, str], outcomes: dict[str, tuple[Outcome, str]]) -> list[str]:
    """RCPT for each; the keys of those taken. When the connection breaks, everybody is to be tried again; nothing was handed over."""
    taken: list[str] = []
    for key, bare in asked.items():
        answer = wire.command(f"RCPT TO:<{bare}>")
        meaning = MEANING[Stage.RCPT][answer.reply]
        if meaning is Meaning.PROCEED:
            taken.append(key)
            continue
        outcomes[key] = (OUTCOME_OF[meaning], answer.words)
        if answer.code in (0, 421):
            later = (OUTCOME_OF[Meaning.TEMPORARY], answer.words)
            outcomes.update({other: later for other in asked if other not in outcomes})
            wire.drop()
            return []
    return taken


def _hand_over(wire: Wire, server: Server, mail: Outgoing, before_final_dot: Callable[[], None]) -> tuple[Stage, Answer]:
    """DATA, the body, the mark, the dot; the stage reached and its answer. What `before_final_dot` raises closes the wire before the dot."""
    answer = wire.command("DATA")
    if MEANING[Stage.DATA][answer.reply] is not Meaning.PROCEED:
        return Stage.DATA, answer
    fault = _write_body(wire, server, dot_stuffed(mail.data))
    if fault is not None:
        return Stage.BODY, fault
    try:
        before_final_dot()
    except BaseException:
        wire.drop()
        raise
    wire.deadline = time.monotonic() + server.time.after_dot
    lost = wire.write(b".\r\n", server.write_timeout)
    return Stage.DOT, lost or wire.reply(server.time.after_dot)


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
    """The body as it goes over the wire without its final dot (RFC 5321 section 4.5.2): CRLF line ends only, dots doubled, ended."""
    if not data.count(b"\n") == data.count(b"\r") == data.count(b"\r\n"):  # a bare CR or LF could end the mail early at a careless server
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    stuffed = data.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _delivery(stage: Stage, outcomes: dict[str, tuple[Outcome, str]]) -> Delivery:
    words = next((said for outcome, said in outcomes.values() if outcome is not Outcome.ACCEPTED), "")
    return Delivery(stage, words or next((said for _, said in outcomes.values()), ""), outcomes)
