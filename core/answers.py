"""What real servers mean by what they say: rows that refine THE table of `core/delivery.py` by reply code, enhanced code and words.

Only a well-formed refusal (4xx, 5xx) is looked up here; what counts as acceptance is nowhere but in `core/delivery.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from core.delivery import MEANING, Meaning, Reply, Stage

_S, _M = Stage, Meaning

OPENING = (_S.BANNER, _S.EHLO, _S.STARTTLS, _S.AUTH, _S.MAIL)
MAILS = (_S.RCPT, _S.DATA, _S.BODY, _S.DOT)
"""Stages whose answers are about the mail, unless a row says otherwise (decisions.md 19)."""
SPOKEN = OPENING + MAILS
PARAMETERS = (_S.MAIL, *MAILS)
"""MAIL names the mail's size and what its addresses need: a refusal of just that is about the mail."""

NO_CODE = "-"
"""Among the enhanced codes of a row: the server gave none."""


@dataclass(frozen=True)
class Row:
    """One thing that servers say. Several codes are parted by blanks, `*` stands for any rest; '' is anything; `words` is an expression, case does not matter."""

    stages: tuple[Stage, ...]
    codes: str
    enhanced: str
    words: str
    meaning: Meaning
    because: str
    seen: str

    @cached_property
    def _said(self) -> re.Pattern[str]:
        return re.compile(self.words, re.IGNORECASE)

    def fits(self, stage: Stage, code: int, enhanced: str, words: str) -> bool:
        """Whether the row is about this answer; `enhanced` is '' where the server gave none that counts."""
        return (
            stage in self.stages
            and _listed(str(code), self.codes)
            and _listed(enhanced or NO_CODE, self.enhanced)
            and (not self.words or self._said.search(words) is not None)
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """What an answer means, and why in a person's words ('' where only the class of the reply speaks)."""

    meaning: Meaning
    because: str = ""


SEND_AS = "the connector's account may not send as the address in From; write from another address, or have the right given to the account"
_NO_RELAY = r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not permitted|prohibited)|unable to relay"
_OUR_MACHINE = r"^(?!.*(?:\bsaid:|gr[ea]y-?list)).*(?:client host (?:\[\S{1,60}\] )?(?:rejected|blocked)|helo command rejected)"
"""Not where the server quotes what the next one said to it."""
_GOOGLE = "Gmail: support.google.com/a/answer/3726730"
_MICROSOFT = "Exchange Online: non-delivery reports and SMTP AUTH submission, learn.microsoft.com"
_POSTFIX = "Postfix, postconf(5) and smtpd"

ROWS: tuple[Row, ...] = (
    # ---------------------------------------------------------------- too many recipients
    Row((_S.RCPT,), "45*", "4.5.3", "", _M.NEXT, "no more recipients in one go", f"RFC 5321 4.5.3.1.10; {_POSTFIX}; {_GOOGLE}"),
    Row((_S.RCPT,), "452 552", "", "too many recipients", _M.NEXT, "no more recipients in one go", "RFC 5321 4.5.3.1.10: 552 is to be read as 452 here"),
    Row((_S.RCPT,), "451", "4.3.0 -", "multiple destination domains", _M.NEXT, "one domain at a time", _GOOGLE),
    # ---------------------------------------------------------------- encryption and log-in
    Row((_S.MAIL, *MAILS, _S.AUTH), "530 538 523", "5.7.0 5.7.10 5.7.11 -", "starttls|encrypt|tls", _M.TROUBLE, "it wants encryption first", f"{_GOOGLE}; RFC 4954"),
    Row((_S.MAIL, *MAILS), "530", "5.7.0 5.7.1 5.7.57 5.5.1 -", r"^(?!.*RESOLVER\.)", _M.TROUBLE, "it wants us to log in", f"{_GOOGLE}; {_MICROSOFT}"),
    Row((_S.EHLO,), "421", "4.7.1", "client certificate", _M.TROUBLE, "it wants a certificate of ours, one that it trusts", f"{_POSTFIX} (smtpd_tls_req_ccert)"),
    Row((_S.AUTH,), "550", "5.7.30", "", _M.LOGIN_REFUSED, "it takes no passwords any more; set auth to xoauth2", _MICROSOFT),
    Row((_S.AUTH,), "535", "5.7.139", "", _M.LOGIN_REFUSED, "this way of logging in is switched off for the mailbox or the tenant", _MICROSOFT),
    Row((_S.AUTH,), "534", "5.7.9 5.7.14", "", _M.LOGIN_REFUSED, "it wants an application password, or a log-in by browser first", _GOOGLE),
    Row((_S.AUTH,), "535", "", "", _M.LOGIN_REFUSED, "user name or secret is wrong", f"RFC 4954; {_GOOGLE}; {_MICROSOFT}"),
    Row((_S.AUTH,), "432", "4.7.12", "", _M.LOGIN_REFUSED, "the password must be changed over first", "RFC 4954"),
    Row((_S.AUTH,), "502 503 504", "", "", _M.TROUBLE, "it does not have this way of logging in", "RFC 4954; Exim"),
    Row((_S.AUTH,), "4*", "", "too many", _M.PASSING, "too many log-ins", _GOOGLE),
    Row((_S.AUTH,), "454", "", "", _M.PASSING, "it cannot check log-ins just now", f"RFC 4954; {_GOOGLE}; Dovecot behind Postfix"),
    # ---------------------------------------------------------------- the connector's quota, rate and standing, said while a mail is handed over
    Row(MAILS, "4*", "", "relay limit exceeded", _M.PASSING, "the quota of the connector is used up", _GOOGLE),
    Row(MAILS, "5*", "5.4.5", "", _M.PASSING, "the quota of the day is used up", _GOOGLE),
    Row(MAILS, "5*", "5.1.90 5.7.232 5.7.233", "", _M.PASSING, "the quota of the day is used up", _MICROSOFT),
    Row(MAILS, "55*", "", r"SubmissionQuota|daily (?:user |smtp )?(?:sending|relay) (?:limit|quota)", _M.PASSING, "the quota of the connector is used up",
        f"{_GOOGLE}; {_MICROSOFT}"),
    Row(MAILS, "454", "-", "throttling failure", _M.PASSING, "the rate or the quota of the day is used up", "Amazon SES: docs.aws.amazon.com/ses, sending quota errors"),
    Row(MAILS, "55*", "", "exceeded the max (?:emails|defers and failures) per hour", _M.PASSING, "the quota of the hour is used up", "Exim under cPanel"),
    Row(MAILS, "55*", "5.4.6", "unusual sending activity", _M.PASSING, "our account is held back for a while", "Zoho Mail: help.zoho.com"),
    Row(MAILS, "432", "4.3.2", "recipient thread limit", _M.TEMPORARY, "the recipient gets too much mail just now", _MICROSOFT),
    Row(MAILS, "432", "", "", _M.PASSING, "too many connections at once", _MICROSOFT),
    Row(MAILS, "421", "4.7.0", "(?:for|in) RCPT domain", _M.TEMPORARY, "the recipient's domain does not want it now", _GOOGLE),
    Row(MAILS, "421", "4.7.0 -", "too many errors", _M.TEMPORARY, "it refused so many recipients that it hung up", f"{_POSTFIX} (smtpd_hard_error_limit)"),
    Row(MAILS, "450 451", "", r"too many recipients from", _M.PASSING, "it slows us down", f"{_POSTFIX} (smtpd_client_recipient_rate_limit)"),
    Row(
        MAILS, "421 450 451", "4.7.0 4.7.28 4.4.5 4.7.500 4.7.501 4.7.55* 4.7.65*",
        r"rate|too many|too fast|try again later|server busy|temporarily (?:blocked|deferred)|volume",
        _M.PASSING, "it slows us down", f"{_GOOGLE}; {_MICROSOFT}; Yahoo TSS04",
    ),
    Row(MAILS, "5*", "5.1.8", "bad outbound sender", _M.TROUBLE, "our account is blocked as a bad sender", _MICROSOFT),
    Row(
        MAILS, "5*", "5.7.501 5.7.502 5.7.503 5.7.511 5.7.606 5.7.607 5.7.608 5.7.609 5.7.61* 5.7.62* 5.7.63* 5.7.64* 5.7.705 5.7.708 5.7.750", "",
        _M.TROUBLE, "our account or address is blocked", _MICROSOFT,
    ),
    Row(MAILS, "4*", "", _OUR_MACHINE, _M.PASSING, "it does not know our machine, or not its name", f"{_POSTFIX} (reject_unknown_client_hostname)"),
    Row(MAILS, "5*", "", _OUR_MACHINE, _M.TROUBLE, "it takes nothing from our machine: the connector must log in, or its name or address is refused",
        f"{_POSTFIX} (permit_sasl_authenticated, reject; reject_rbl_client; reject_non_fqdn_helo_hostname)"),
    Row(MAILS, "55*", "", r"^(?!.*\bsaid:).*sender address rejected: not logged in$", _M.TROUBLE, "it wants us to log in",
        f"{_POSTFIX} (reject_unauthenticated_sender_login_mismatch)"),
    # ---------------------------------------------------------------- about the sender of this mail: another mail by the same connector may bear another one
    Row(MAILS, "5*", "5.1.7 5.1.8", "", _M.PERMANENT, "our sender address is not taken", f"{_POSTFIX} (reject_unknown_sender_domain); {_MICROSOFT}"),
    Row(MAILS, "5*", "5.7.60 5.2.252", "", _M.PERMANENT, SEND_AS, _MICROSOFT),
    Row(MAILS, "55*", "", r"SendAsDenied|permissions? to send as|not owned by user|not logged in as owner", _M.PERMANENT, SEND_AS,
        f"{_MICROSOFT}; {_POSTFIX} (reject_sender_login_mismatch)"),
    Row(MAILS, "55*", "", r"^(?!.*\bsaid:).*sender address rejected", _M.PERMANENT, "our sender address is not taken", f"{_POSTFIX} (check_sender_access)"),
    # ---------------------------------------------------------------- about this mail, said at MAIL already
    Row(PARAMETERS, "5*", "5.3.4 5.2.3", "", _M.PERMANENT, "the mail is too big", f"RFC 1870; {_POSTFIX}; {_GOOGLE}"),
    Row(PARAMETERS, "552 523", "-", "size|too (?:big|large)|exceed", _M.PERMANENT, "the mail is too big", "RFC 1870; Exim"),
    Row(PARAMETERS, "5*", "5.6.7 5.6.9", "", _M.PERMANENT, "it takes no addresses beyond ASCII", "RFC 6531"),
    Row(PARAMETERS, "5*", "5.6.3", "", _M.PERMANENT, "it takes no 8-bit mail", "RFC 6152"),
    # ---------------------------------------------------------------- about a recipient
    Row(MAILS, "4*", "", "gr[ea]y-?list", _M.TEMPORARY, "greylisting: it wants to see us again", "postgrey, Postfix, Exim, Broadcom 451 4.7.1"),
    Row(MAILS, "45*", "", _NO_RELAY, _M.TEMPORARY, "the server hands on no mail to this recipient for us; look whether the connector logs in",
        f"{_POSTFIX} (defer_unauth_destination)"),
    Row(MAILS, "450 451", "4.7.1 4.2.0", "", _M.TEMPORARY, "refused for now by a policy, most often greylisting", "milter-greylist, rspamd"),
    Row(MAILS, "4*", "4.2.2", "", _M.TEMPORARY, "the mailbox is full; room may be made", f"RFC 3463; {_GOOGLE}; Dovecot"),
    Row(MAILS, "5*", "5.2.2", "", _M.PERMANENT, "the mailbox is full, and the server does not expect that to change", f"RFC 3463; {_GOOGLE}; Dovecot"),
    Row(MAILS, "4*", "4.2.1", "", _M.TEMPORARY, "the recipient gets too much mail just now", _GOOGLE),
    Row(MAILS, "45*", "4.3.1 4.3.0 4.3.2 4.3.5", "", _M.TEMPORARY, "the server has trouble of its own", f"{_POSTFIX}; {_GOOGLE}"),
    Row(MAILS, "45*", "4.7.320 4.7.321 4.7.322 4.7.323 4.7.324 4.7.325", "", _M.TEMPORARY, "TLS between it and the next server fails", _MICROSOFT),
    Row(MAILS, "4*", "4.1.1", "", _M.TEMPORARY, "the server does not know the address for now, or is still checking it",
        f"{_POSTFIX} (reject_unverified_recipient, soft_bounce)"),
    Row(MAILS, "4*", "4.4.* 4.1.*", "", _M.TEMPORARY, "the next server or its name cannot be found or reached just now", f"{_POSTFIX}; {_MICROSOFT}"),
    Row(MAILS, "55*", "5.1.10 5.7.27", "", _M.PERMANENT, "the domain or the recipient takes no mail", f"RFC 7505; {_MICROSOFT}"),
    Row(MAILS, "5*", "5.1.1 5.1.2 5.1.3 5.1.0", "", _M.PERMANENT, "there is no such address", f"RFC 3463; {_POSTFIX}; {_GOOGLE}"),
    Row(MAILS, "5*", "5.1.6", "", _M.PERMANENT, "the address has moved", "RFC 5321 3.4"),
    Row(MAILS, "551", "", "", _M.PERMANENT, "the address is somewhere else", "RFC 5321 3.4"),
    Row(MAILS, "5*", "5.2.1", "", _M.PERMANENT, "the mailbox is closed", _GOOGLE),
    Row(MAILS, "5*", "5.4.1", "", _M.PERMANENT, "the recipient's domain does not know the address", _MICROSOFT),
    Row(MAILS, "5*", "5.4.6 5.4.14", "", _M.PERMANENT, "the mail goes in circles at their side", f"RFC 3463; {_MICROSOFT}"),
    Row(MAILS, "5*", "5.6.*", "", _M.PERMANENT, "its content is not taken", f"RFC 3463; {_MICROSOFT}"),
    Row(MAILS, "55*", "", _NO_RELAY, _M.PERMANENT,
        "the server hands on no mail to this recipient for us; look whether the connector logs in", f"{_POSTFIX}; Exim; {_MICROSOFT}"),
    Row(MAILS, "55*", "5.7.1", r"recipient address rejected: access denied", _M.PERMANENT,
        "the server takes no mail to this recipient from us; look whether the connector logs in", f"{_POSTFIX} (permit_sasl_authenticated, reject)"),
    Row(MAILS, "5*", "5.7.*", "", _M.PERMANENT, "refused by a policy or as spam", f"RFC 3463; {_POSTFIX}; {_GOOGLE}; {_MICROSOFT}"),
    # ---------------------------------------------------------------- about the conversation
    Row(
        MAILS, "500 502 503", "", "", _M.TEMPORARY, "it lost the thread of the conversation; that says nothing about the mail",
        "RFC 5321 4.2.4; firewalls that rewrite SMTP",
    ),
)
"""The first row that fits speaks; where none does, the stage and the class of the reply (`core/delivery.py`).

The reply code decides between 4xx and 5xx. An enhanced code of another class contradicts it and does not count, as in Postfix's own client:
RFC 2034 section 4 demands that they agree, and RFC 5321 section 4.2.1 lets the first digit alone say whether a repeat makes sense."""

CLOSES = frozenset({421, 521})
"""The server closes after these (RFC 5321 section 3.8, RFC 7504)."""

WITHOUT_DSN = frozenset({501, 504, 555})
"""Refusals of a parameter (RFC 5321 section 4.1.1.11): worth asking once more without those of RFC 3461."""

_ENHANCED = re.compile(r"[0-9]{3}[ -]#?([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")


def judge(stage: Stage, reply: Reply, code: int = 0, words: str = "") -> Judged:
    """What an answer means. `code` is 0 for what no server said; `words` begin with the code. Raises KeyError for what cannot happen at a stage."""
    if code and reply in (Reply.LATER, Reply.NEVER):
        enhanced = enhanced_code(code, words)
        for row in ROWS:
            if row.fits(stage, code, enhanced, words):
                return Judged(row.meaning, row.because)
    return Judged(MEANING[stage][reply])


def enhanced_code(code: int, words: str) -> str:
    """The enhanced code (RFC 3463) after the reply code, '' if there is none or it contradicts the reply code."""
    found = _ENHANCED.match(words)
    return found[1] if found and found[1][0] == str(code)[0] else ""


def _listed(code: str, codes: str) -> bool:
    return not codes or any(code == one or (one.endswith("*") and code.startswith(one[:-1])) for one in codes.split())
