"""Why a mail came back, as one word, and whether its address is dead: by servers' phrases (`bounce_phrases.py`), enhanced codes (RFC 3463, RFC 5248) and reply codes.

Reading reports is `bounce.py`; what follows from a dead address is decided in `core/on_result.py`.
"""

from __future__ import annotations

import re

from gateway.inbound.bounce_phrases import PHRASES
from gateway.inbound.bounce_text import after_data, before_recipient

REPLY_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")

HARD = frozenset({"user_unknown", "host_unknown", "moved", "no_mail_accepted"})
"""The address itself is dead, and the next mail will come back as well. All other reasons may pass, or are about the mail or about us."""

MEANING: dict[str, str] = {
    "user_unknown": "there is no such mailbox",
    "host_unknown": "there is no such domain or server",
    "moved": "the mailbox has moved",
    "no_mail_accepted": "the domain takes no mail at all",
    "disabled": "the mailbox is switched off or suspended",
    "mailbox_full": "the mailbox or its quota is full",
    "too_big": "the mail is too large",
    "virus": "a virus, or what was taken for one",
    "authentication": "SPF, DKIM or DMARC of the sender did not satisfy",
    "no_reverse_name": "the sending server has no name, or a wrong one",
    "reputation": "the sending server is on a block list or has a bad name",
    "spam": "the content was taken for spam",
    "rate_limit": "too much mail or too many connections at a time",
    "greylisted": "a first attempt; the next one may pass",
    "relaying": "the server does not take mail for that domain from us",
    "sender_refused": "the sender's address or domain is refused",
    "not_compliant": "the mail breaks a rule of form (duplicated or missing header fields)",
    "content": "the content or its coding is refused",
    "loop": "the mail went in circles",
    "expired": "nobody answered until the time was over",
    "network": "the server cannot be reached",
    "security": "encryption or a log-in is missing",
    "policy": "a rule of the recipient's server",
    "refused": "the recipient, or a filter of theirs, does not want it",
    "system": "a fault in the recipient's server",
    "command": "a mail program at the recipient's failed",
    "unknown": "nothing tells",
}
"""Reason → what it says; the order of the documents."""

STATUS: dict[str, str] = {
    "1.0": "user_unknown", "1.1": "user_unknown", "1.2": "host_unknown", "1.3": "user_unknown", "1.4": "user_unknown", "1.6": "moved",
    "1.7": "sender_refused", "1.8": "sender_refused", "1.10": "no_mail_accepted", "2.0": "refused", "2.1": "disabled", "2.2": "mailbox_full",
    "2.3": "too_big", "2.4": "user_unknown", "3.1": "mailbox_full", "3.2": "system", "3.3": "system", "3.4": "too_big", "3.5": "system",
    "4.0": "network", "4.1": "network", "4.2": "network", "4.3": "network", "4.4": "host_unknown", "4.5": "rate_limit", "4.6": "loop",
    "4.7": "expired", "5.2": "system", "5.3": "rate_limit", "6.0": "content", "6.1": "content", "6.2": "content", "6.3": "content",
    "6.5": "content", "7.0": "policy", "7.1": "policy", "7.2": "policy", "7.3": "security", "7.4": "security", "7.5": "security", "7.7": "content",
    "7.8": "security", "7.9": "security", "7.10": "security", "7.13": "disabled", "7.14": "policy", "7.17": "moved", "7.18": "moved",
    "7.20": "authentication", "7.21": "authentication", "7.22": "authentication", "7.23": "authentication", "7.24": "authentication",
    "7.25": "no_reverse_name", "7.26": "authentication", "7.27": "sender_refused", "7.28": "rate_limit",
}
"""Subject and detail of an enhanced code → reason, without regard to its class, where no phrase tells."""

REPLY: dict[str, str] = {
    "421": "rate_limit", "422": "mailbox_full", "450": "refused", "451": "system", "452": "mailbox_full",
    "550": "refused", "551": "moved", "552": "mailbox_full", "553": "refused", "554": "refused",
}
"""The server's reply code → reason, where neither a phrase nor an enhanced code tells (RFC 5321 section 4.2.3)."""

_AGAIN = ("not found, try again", "try again later", "try later", "temporar", "will retry")
_SURE = ("user doesn't have a",)
"""Said after the content although it is about the address."""
_LOOKED_AT = 4_000


def judge(action: str, status: str, words: str, around: str = "", *, local: bool = False, block: str | None = None) -> tuple[bool | None, str]:
    """Whether the address is dead, and the reason, a word of `MEANING`. (None, '') for a mail that arrived.

    `around` is the prose near the server's words, asked only where these say nothing. `local`: a program at the recipient's said it, not a server.
    `block`: the prose about this recipient alone, which tells at what step of the dialogue it was refused; `around` where None.
    """
    if action in ("delivered", "relayed", "expanded"):
        return None, ""
    reason = _reason(status, _flat(words), around)
    step = around if block is None else block
    if reason in HARD and before_recipient(words, step):
        return False, "sender_refused"
    if reason in HARD and after_data(f"{words}\n{step}") and not any(phrase in _flat(words) for phrase in _SURE):
        return False, "refused"
    if reason == "unknown":
        return (False if action != "failed" or status.startswith("4") else None), reason
    passing = reason != "user_unknown" and (status.startswith("4") or any(word in _flat(words) for word in _AGAIN))
    return reason in HARD and action == "failed" and not passing and not local, "command" if local and reason in HARD else reason


def _reason(status: str, words: str, around: str) -> str:
    """By the server's words, else by its enhanced code, else by what stands around, else by the reply code."""
    code = REPLY_CODE.search(words)
    told = _phrased(words) or STATUS.get(status.partition(".")[2], "") or _phrased(_flat(around))
    return told or (REPLY.get(code.group(1), "") if code else "") or "unknown"


def _phrased(text: str) -> str:
    return next((reason for reason, phrases in PHRASES if any(phrase in text for phrase in phrases)), "")


def _flat(text: str) -> str:
    return " ".join(text[:_LOOKED_AT].lower().split())


ABOUT = """A delivery report is tied to the mail it returns by our signature alone: the signed Message-ID in it, or the signed address it came to.
Its recipients are marked with their servers' words. Where a person wrote the mail, the item goes to To Do, its countdown is off, and the author is
told once for each recipient. A report that cannot be tied is kept and changes nothing; a delay or a success is shown and changes nothing.

An address that is *dead* gets no automatic mail for 60 days, and neither does one whose owner complained to their provider about our mail:
`guichet suppressed list` shows them, `guichet suppressed remove ADDRESS` takes one off. People can write to them all the same.

The reason is told by the server's words, else by its enhanced code (`x` is any class), else by what stands around, else by the reply code. An
address that is refused after the content was sent is not taken for dead: that is how filters answer. Neither is one that was not named yet when the
server refused: it refused the sender, or us.

"""


def draw() -> str:
    """The table of reasons as Markdown."""
    codes = {reason: [f"x.{code}" for code, named in STATUS.items() if named == reason] for reason in MEANING}
    lines = [ABOUT, "| reason | what it says | address dead | enhanced codes |\n|---|---|---|---|\n"]
    lines += [f"| {reason} | {said} | {'yes' if reason in HARD else 'no'} | {', '.join(codes[reason])} |\n" for reason, said in MEANING.items()]
    return "".join(lines)
