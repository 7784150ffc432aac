"""Delivery reports in daemons' prose: who did not get the mail, and what was said of each; the forms of the standards are read by `bounce.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from gateway.inbound.words import decode, one_line

ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}")
STATUS = re.compile(r"(?<![\w.])([245]\.\d{1,3}\.\d{1,3})(?!\d|\.\d)")
REPLY = re.compile(r"(?:^|[\s:<(\"'#\[])([45][0-7]\d)[ :-]")

_LABELS = (
    "to:", "recipient:", "recipients:", "recipient address:", "original address:", "intended recipient:", "failed recipient:", "final recipient:",
    "addressee:", "destination:", "rcpt to:", "user:", "delivery to", "destinataire :", "empfänger:", "destinatario:", "email address:",
    "address:", "your message to", "could not deliver to",
)
"""What stands before the address in the lists of Exchange, Sun, IMail, Surfcontrol and others."""
_LISTED = re.compile(
    rf"[\s>*#|-]{{0,12}}(?:(?:{'|'.join(map(re.escape, _LABELS))})[ \t]{{0,20}})?(?:rfc822[;:][ \t]{{0,5}})?"
    rf"[\[<(\"']{{0,2}}({ADDRESS.pattern})(?=$|[\s>:;,.)\]\"'])",
    re.IGNORECASE,
)
"""A line of a list of recipients: the address stands first, after bullets, quote marks or a label."""

_FIELD = re.compile(
    r"(?:> ?)?(Received|Return-Path|Message-ID|From|To|Subject|MIME-Version|Date|Delivered-To|Content-Type|DKIM-Signature|X-[A-Za-z-]{1,60}):",
    re.IGNORECASE,
)
"""A line of a returned header: at the margin, for summaries inside the prose are indented."""
_FIELDS_NEAR = 8
_SURE_FIELDS = frozenset({"received", "return-path", "message-id", "dkim-signature", "mime-version"})
_END_MARKS = (
    "returned message", "original message", "below this line", "copy of the message", "unsent message follows", "enclosed is a copy",
    "message header follows", "message headers follow", "message follows", "headers of the message", "original mail as follows",
    "the attachment contains", "texte du message", "ursprüngliche nachricht",
)
"""Words of the line that ends a daemon's own prose."""
_AFTER_DATA = (
    "end of data", "(data)", "to data command", "after data", "the data command", "dot command", "sent the body", "end-of-data", "pipelined data",
    "message content rejected",
)
_UNKNOWN_AFTER_DATA = re.compile(r">>> DATA\s{1,10}<<< 5\d\d")
_RCPT_MISSING = ("<<< 503", "no valid recipients", "need rcpt", "no recipients")
_BEFORE_RECIPIENT = (
    "after mail from", "after pipelined mail from", "in reply to mail from", "after helo", "after ehlo", "in reply to helo", "in reply to ehlo",
    "after initial connection", "but greeting failed", "but my name was rejected", "but sender was rejected",
)
_REFUSED_BEFORE = re.compile(r">>> (?:MAIL FROM|HELO|EHLO)[^\n]{0,500}\n[> \t]{0,12}<<< ([45]\d\d[^\n]{0,500})", re.IGNORECASE)
"""A transcript in which the answer to one of these commands is the refusal."""
_ANSWER = 60
_SUMMARY_LINE = re.compile(r"[> \t]{0,12}(to|subject|sent|from|date):", re.IGNORECASE)
_SUMMARY_NEAR = 3
_MOMENT = re.compile(r"on [^:]{4,40}\d:\d\d")
_TEMPORARY = (
    "delayed", "will be retried", "not yet been delivered", "warning message only", "warning only", "still trying", "temporarily deferred",
    "do not need to resend", "will keep trying", "will continue to try", "has not yet been delivered",
)
_FOREVER = (
    "permanent error", "failed permanently", "permanent fatal", "permanent failure", "given up", "giving up", "permanently failed", "fatal error",
)
_MOST_LINES, _BLOCK_LINES = 800, 14
_MOST = 100
_WORDS = 500
_LOOKED_AT = 4_000
_KNOWN_BYTES, _KNOWN_LINES = 32_000, 400


@dataclass(frozen=True, slots=True)
class Told:
    """What the prose tells of one recipient: the server's words, and all that stands around them (for judging only)."""

    address: str
    words: str
    around: str


class Prose:
    """A daemon's own words: its text up to the returned mail, and the recipients it lists."""

    def __init__(self, text: str) -> None:
        lines = text.split("\n", _MOST_LINES)[:_MOST_LINES]
        end = _end_of_prose(lines) or len(lines)
        self.lines = lines[:end]
        self._ended = end < len(lines)
        self.text = "\n".join(self.lines)

    @property
    def action(self) -> str:
        """`delayed` where the daemon goes on trying, else `failed`."""
        lowered = self.text[:_LOOKED_AT].lower()
        waits = any(words in lowered for words in _TEMPORARY)
        return "delayed" if waits and not any(words in lowered for words in _FOREVER) else "failed"

    @cached_property
    def listed(self) -> tuple[Told, ...]:
        """The recipients that stand first on a line, each with the lines below it up to the next one. Linear in the number of lines."""
        lines = self.lines
        heads = [(number, found.group(1).rstrip(".")) for number, line in enumerate(lines) if (found := _LISTED.match(line[:600])) and not _ends(line)]
        heads = _without_summary(lines, heads)
        told = []
        for position, (number, address) in enumerate(heads[:_MOST]):
            following = heads[position + 1][0] if position + 1 < len(heads) else len(lines)
            block = _block(lines, number, min(following, number + _BLOCK_LINES))
            told.append(Told(address, spoken(block, address), self._with_end(["\n".join([*block, _before(lines, number)])])))
        return tuple(told)

    def told_of(self, address: str) -> Told:
        """What the prose tells of an address known otherwise; all of its words where it does not name it."""
        lowered = address.lower()
        named = [one for one in self.listed if one.address.lower() == lowered and one.words]
        if named:
            return next((one for one in named if REPLY.search(one.words) or STATUS.search(one.words)), named[-1])
        number = next((number for number, line in enumerate(self.lines) if lowered in line.lower()), -1)
        block = _block(self.lines, max(number, 0), max(number, 0) + _BLOCK_LINES)
        return Told(address, spoken(block, address) if number >= 0 else coded(self.lines), self._with_end(block))

    def _with_end(self, block: list[str]) -> str:
        """The lines of a recipient, with the answer that a longer transcript of pipelined commands ends in (RFC 2920 section 3.1)."""
        around = "\n".join(block)[: _LOOKED_AT - 3 * _WORDS]
        return f"{around}\n{self._rcpt_missing}" if self._rcpt_missing and ">>> DATA" in around else around

    @cached_property
    def _rcpt_missing(self) -> str:
        return next((line[:_WORDS] for line in self.lines if any(words in line[:_WORDS].lower() for words in _RCPT_MISSING)), "")

    @property
    def returns(self) -> bool:
        """Whether the prose says at its end that the mail is returned, and its header follows."""
        return self._ended and any(_ends(line) for line in self.lines[-_SUMMARY_NEAR:])


def _end_of_prose(lines: list[str]) -> int:
    """Where the returned mail begins: its header shows by two fields within a few lines, or by one that prose has not."""
    fields = [(number, found.group(1).lower()) for number, line in enumerate(lines) if (found := _FIELD.match(line[:100]))]
    sent = [number for number, line in enumerate(lines) if line.lstrip()[:5].lower() == "sent:"]
    fields = [one for one in fields if one[1] in _SURE_FIELDS or not any(abs(number - one[0]) < _FIELDS_NEAR for number in sent[:20])]  # a summary, by Exchange
    near = (first for (first, one), (second, other) in pairwise(fields) if second - first <= _FIELDS_NEAR and one != other)
    sure = (number for number, name in fields if name in _SURE_FIELDS)
    return min(next(near, len(lines)), next(sure, len(lines)))


def _without_summary(lines: list[str], heads: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Without the `To:` of a summary of the mail where a list of those who did not get it follows: the others got it."""
    summaries = {number for number, _ in heads if _is_summary(lines, number)}
    if not summaries:
        return heads
    first = min(summaries)
    introduced = any(
        number > first and number not in summaries and any(line.rstrip().endswith(":") for line in lines[max(0, number - _SUMMARY_NEAR) : number])
        for number, _ in heads
    )
    return [head for head in heads if head[0] not in summaries] if introduced else heads


def _is_summary(lines: list[str], number: int) -> bool:
    """Whether a line is a `To:` with another field of a mail next to it."""
    found = _SUMMARY_LINE.match(lines[number][:100])
    if found is None or found.group(1).lower() != "to":
        return False
    near = lines[max(0, number - _SUMMARY_NEAR) : number + _SUMMARY_NEAR + 1]
    return any((other := _SUMMARY_LINE.match(line[:100])) is not None and other.group(1).lower() != "to" for line in near)


def _before(lines: list[str], number: int) -> str:
    """The lines just above an address, up to an empty one: where the reason stands first."""
    above: list[str] = []
    for line in reversed(lines[max(0, number - 4) : number]):
        if not line.strip() and above:
            break
        above.insert(0, line.strip())
    return " ".join(above)


def _block(lines: list[str], start: int, stop: int) -> list[str]:
    """The lines of one recipient: to the mark that ends the prose, or to a second empty line once something was said."""
    block: list[str] = []
    for line in lines[start:stop]:
        if block and _ends(line):
            break
        block.append(line[:1_000].rstrip())
    while block and not block[-1]:
        block.pop()
    return block


def _ends(line: str) -> bool:
    lowered = line[:200].lower()
    return any(mark in lowered for mark in _END_MARKS)


def spoken(block: list[str], address: str) -> str:
    """The server's words in the lines of a recipient: those with a code, else what stands after the address and below it."""
    with_code = coded(block)
    if with_code:
        return with_code
    if not block:
        return ""
    after = block[0].partition(address)[2].strip(" \t<>:;,.()[]\"'") if address else block[0]
    after = "" if _MOMENT.match(after) else after
    below: list[str] = []
    for line in block[1:]:
        said = below[-1] if below else after
        if not line.strip() and said and not said.endswith(":"):
            break
        if line.strip():
            below.append(line.strip())
    return sentence(" ".join(one for one in [after, *below[:4]] if one))


def coded(lines: list[str]) -> str:
    """The first line with a reply code, else with an enhanced status, and what it is continued by."""
    for pattern in (REPLY, STATUS):
        for number, line in enumerate(lines):
            if pattern.search(line[:1_000]):
                more = []
                for following in lines[number + 1 : number + 8]:
                    if following[:1] not in (" ", "\t") or not following.strip():
                        break
                    more.append(following.strip())
                return sentence(" ".join([line, *more]))
    return ""


def after_data(context: str) -> bool:
    """Whether the refusal came after the content (RFC 5321 section 4.1.1.4): then it is about the mail or by a filter, not about the address."""
    lowered = context[:_LOOKED_AT].lower()
    if any(words in lowered for words in _AFTER_DATA):
        return True
    return bool(_UNKNOWN_AFTER_DATA.search(context[:_LOOKED_AT])) and not any(words in lowered for words in _RCPT_MISSING)


def before_recipient(words: str, context: str) -> bool:
    """Whether the refusal came before the address was named (RFC 5321 section 3.3): then it is about the sender or about us."""
    lowered = f"{words}\n{context}"[:_LOOKED_AT].lower()
    if any(step in lowered for step in _BEFORE_RECIPIENT):
        return True
    said = sentence(words)
    return any(sentence(answer)[:_ANSWER] in said for answer in _REFUSED_BEFORE.findall(context[:_LOOKED_AT]))


def sentence(words: str) -> str:
    """A server's words on one line, single spaces, at most 500 characters."""
    return " ".join(one_line(words[:4_000]).split())[:_WORDS]


def known_daemons(raw: bytes) -> list[str]:
    """The recipients that flufl.bounce finds near the beginning, permanent ones first: its detectors look at every line again and again."""
    import logging  # here and below: only bounces pay for these imports
    from email import message_from_bytes

    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)
    try:
        temporary, permanent = all_failures(message_from_bytes(b"\n".join(raw[:_KNOWN_BYTES].split(b"\n", _KNOWN_LINES)[:_KNOWN_LINES])))
    except Exception:  # its detectors raise IndexError and others on odd mail (libraries.md, section 2); what they miss is only missed
        return []
    found = sorted(permanent) + sorted(temporary)
    return [address for address in (decode(one) for one in found) if ADDRESS.fullmatch(address)]
