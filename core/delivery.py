"""What an answer of the receiving side means: THE table stage × reply → meaning, and one delivery as a value; talking to servers is `gateway/outbound/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from core.outbox import Outcome

MAX_WORDS = 500
"""Characters kept of what a server said."""


class Stage(StrEnum):
    """How far a delivery had come (RFC 5321 section 3)."""

    SETTINGS = "settings"
    """What is configured cannot work: no password, a folder that is not there, a log-in the server does not know."""
    CONNECT = "connect"
    TLS = "tls"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    LIMITS = "limits"
    """Our own look at what the server announced (SIZE, SMTPUTF8) and at each address, before it is asked."""
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    """The body is being written; the final dot has not left. An answer now comes unasked and never means acceptance."""
    DOT = "dot"
    """From the first byte of the last write on."""


class Reply(StrEnum):
    """The class of what came back. A stage counts only the codes it expects; another code is garbage there."""

    OK = "2xx"
    GO_ON = "354"
    LATER = "4xx"
    NEVER = "5xx"
    GARBAGE = "garbage"
    """Not a well-formed reply: no code, mixed codes, over-long, or a code that has no place there."""
    SILENCE = "silence"
    """Nothing within the time-out."""
    GONE = "gone"
    """The connection ended, or never began."""


class Meaning(StrEnum):
    """What follows. The last three are about the connector, not about the mail."""

    PROCEED = "proceed"
    ACCEPTED = "accepted"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"
    NEXT = "next transaction"
    """Taken by nobody yet, and asked again at once after the others; for now if that cannot be."""
    PASSING = "passing trouble"
    """The connector cannot send just now."""
    TROUBLE = "trouble"
    """The connector will not send until somebody changes something: alarm."""
    LOGIN_REFUSED = "log-in refused"


_T, _R, _M = Stage, Reply, Meaning
_LOST = (_R.GARBAGE, _R.SILENCE, _R.GONE)


def _before_rcpt(never: Meaning = _M.TROUBLE) -> dict[Reply, Meaning]:
    return {_R.OK: _M.PROCEED, _R.GO_ON: _M.TROUBLE, _R.LATER: _M.PASSING, _R.NEVER: never, **dict.fromkeys(_LOST, _M.PASSING)}


MEANING: Mapping[Stage, Mapping[Reply, Meaning]] = {
    _T.SETTINGS: {_R.OK: _M.PROCEED, _R.NEVER: _M.TROUBLE},
    _T.CONNECT: {_R.OK: _M.PROCEED, _R.SILENCE: _M.PASSING, _R.GONE: _M.PASSING},
    _T.TLS: {_R.OK: _M.PROCEED, _R.NEVER: _M.TROUBLE, _R.SILENCE: _M.PASSING, _R.GONE: _M.TROUBLE},
    _T.BANNER: _before_rcpt(),
    _T.EHLO: _before_rcpt(),
    _T.STARTTLS: _before_rcpt(),
    _T.AUTH: _before_rcpt(_M.LOGIN_REFUSED),
    _T.LIMITS: {_R.OK: _M.PROCEED, _R.NEVER: _M.PERMANENT},
    _T.MAIL: _before_rcpt(),
    _T.RCPT: {_R.OK: _M.PROCEED, _R.GO_ON: _M.TEMPORARY, _R.LATER: _M.TEMPORARY, _R.NEVER: _M.PERMANENT, **dict.fromkeys(_LOST, _M.TEMPORARY)},
    _T.DATA: {_R.OK: _M.TEMPORARY, _R.GO_ON: _M.PROCEED, _R.LATER: _M.TEMPORARY, _R.NEVER: _M.PERMANENT, **dict.fromkeys(_LOST, _M.TEMPORARY)},
    _T.BODY: {_R.OK: _M.TEMPORARY, _R.GO_ON: _M.TEMPORARY, _R.LATER: _M.TEMPORARY, _R.NEVER: _M.PERMANENT, **dict.fromkeys(_LOST, _M.TEMPORARY)},
    _T.DOT: {_R.OK: _M.ACCEPTED, _R.GO_ON: _M.UNKNOWN, _R.LATER: _M.TEMPORARY, _R.NEVER: _M.PERMANENT, **dict.fromkeys(_LOST, _M.UNKNOWN)},
}
"""Stage × reply → meaning (architecture.md section 5, decisions.md 19). What is not here cannot happen."""

OUTCOME_OF = {
    _M.ACCEPTED: Outcome.ACCEPTED,
    _M.TEMPORARY: Outcome.TEMPORARY,
    _M.NEXT: Outcome.TEMPORARY,
    _M.PERMANENT: Outcome.PERMANENT,
    _M.UNKNOWN: Outcome.UNKNOWN,
}
"""The meanings that are about a recipient."""

TROUBLES = frozenset({_M.PASSING, _M.TROUBLE, _M.LOGIN_REFUSED})


def reply_class(code: int) -> Reply:
    """The class of a reply code; a code that SMTP does not have is garbage."""
    if code == 354:
        return Reply.GO_ON
    if 200 <= code < 300:
        return Reply.OK
    if 400 <= code < 500:
        return Reply.LATER
    return Reply.NEVER if 500 <= code < 600 else Reply.GARBAGE


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver. `recipients`: address key → (outcome, the server's words), for those it was tried for.

    `trouble` is set where the fault lies with the connector; then no recipient has an outcome. `words` is what to show of the attempt.
    """

    stage: Stage
    words: str = ""
    recipients: Mapping[str, tuple[Outcome, str]] = field(default_factory=dict, hash=False)
    trouble: Meaning | None = None
    queue_id: str = ""
    """What the server that took the mail calls it, '' where it did not say."""
    size_limit: int | None = None
    """The most bytes that the server takes, as it announced; 0: it named no limit, None: nobody asked it."""
    put_off: bool = False
    """Our own database was away before the final dot: that is no attempt, and says nothing of the connector."""


def clean_words(text: str) -> str:
    """A server's words for people and for the database: one line, no controls, at most 500 characters."""
    text = text[: 4 * MAX_WORDS]
    printable = text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:MAX_WORDS]
