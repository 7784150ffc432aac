"""The table of what real servers say: examples as they were seen, and what must hold for anything that a server could say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.answers import MAILS, PARAMETERS, ROWS, SPOKEN, enhanced_code, judge
from core.delivery import MEANING, OUTCOME_OF, TROUBLES, Meaning, Reply, Stage, clean_words, reply_class
from core.queue_id import MAX_QUEUE_ID, PATTERNS, queue_id

M = Meaning

SEEN = [
    (Stage.RCPT, "450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help", M.TEMPORARY, "greylisting"),
    (Stage.RCPT, "451 4.7.1 Greylisting in action, please come back later", M.TEMPORARY, "greylisting"),
    (Stage.RCPT, "452 4.2.2 The email account that you tried to reach is over quota", M.TEMPORARY, "full"),
    (Stage.RCPT, "552 5.2.2 The email account that you tried to reach is over quota", M.PERMANENT, "full"),
    (Stage.RCPT, "452 4.5.3 Error: too many recipients", M.NEXT, "one go"),
    (Stage.RCPT, "451 4.3.0 Multiple destination domains per transaction is unsupported. Please try again.", M.NEXT, "one domain"),
    (Stage.MAIL, "552 5.3.4 Message size exceeds fixed limit", M.PERMANENT, "too big"),
    (Stage.MAIL, "552 Message size exceeds maximum permitted", M.PERMANENT, "too big"),
    (Stage.RCPT, "523 the message is too large", M.PERMANENT, "too big"),
    (Stage.RCPT, "550 5.1.1 The email account that you tried to reach does not exist", M.PERMANENT, "no such address"),
    (Stage.RCPT, "556 5.1.10 <a@b.example>: Recipient address rejected: Domain b.example does not accept mail (nullMX)", M.PERMANENT, "takes no mail"),
    (Stage.RCPT, "551 5.1.6 User has moved; please try <b@c.example>", M.PERMANENT, "moved"),
    (Stage.RCPT, "553 5.1.3 <x>: bad address", M.PERMANENT, "no such address"),
    (Stage.DOT, "554 5.7.1 Message contains a virus", M.PERMANENT, "policy"),
    (Stage.RCPT, "554 5.7.1 <a@b.example>: Relay access denied", M.PERMANENT, "hands on no mail"),
    (Stage.MAIL, "530 5.7.57 Client not authenticated to send mail", M.TROUBLE, "log in"),
    (Stage.MAIL, "530 5.7.0 Authentication Required. gsmtp", M.TROUBLE, "log in"),
    (Stage.RCPT, "530 5.7.0 Must issue a STARTTLS command first. gsmtp", M.TROUBLE, "encryption"),
    (Stage.RCPT, "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", M.TROUBLE, "our machine"),
    (Stage.RCPT, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/", M.TROUBLE, "our machine"),
    (Stage.EHLO, "421 4.7.1 postfix.example Error: No client certificate presented", M.TROUBLE, "certificate of ours"),
    (Stage.EHLO, "421 4.7.1 postfix.example Error: Client certificate not trusted", M.TROUBLE, "certificate of ours"),
    (Stage.RCPT, "553 5.7.1 <support@demo.example>: Sender address rejected: not logged in", M.TROUBLE, "log in"),
    (Stage.RCPT, "554 5.7.1 <a@b.example>: Recipient address rejected: Access denied", M.PERMANENT, "connector logs in"),
    (Stage.RCPT, "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", M.TROUBLE, "our machine"),
    (Stage.RCPT, "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", M.PASSING, "our machine"),
    (Stage.RCPT, "450 4.7.1 <unknown[192.0.2.1]>: Client host rejected: Greylisted for 300 seconds", M.TEMPORARY, "greylisting"),
    (Stage.RCPT, "550 5.1.1 <a@b.example>: Recipient address rejected: undeliverable address: host mx.b.example[192.0.2.9] said: 554 5.7.1 Client host rejected",
     M.PERMANENT, "no such address"),
    (Stage.RCPT, "421 4.7.0 postfix.example Error: too many errors", M.TEMPORARY, "hung up"),
    (Stage.RCPT, "450 4.7.1 Error: too many recipients from 192.0.2.1", M.PASSING, "slows"),
    (Stage.RCPT, "454 4.7.1 <a@b.example>: Relay access denied", M.TEMPORARY, "hands on no mail"),
    (Stage.RCPT, "450 4.1.1 <a@b.example>: Recipient address rejected: unverified address: Address verification in progress", M.TEMPORARY, "checking"),
    (Stage.RCPT, "451 4.3.5 <support@demo.example>: Sender address rejected: Server configuration error", M.TEMPORARY, "trouble of its own"),
    (Stage.RCPT, "554 5.7.1 <support@demo.example>: Sender address rejected: Access denied", M.PERMANENT, "our sender address"),
    (Stage.AUTH, "550 5.7.30 Basic authentication is not supported for Client Submission.", M.LOGIN_REFUSED, "xoauth2"),
    (Stage.DOT, "454 Throttling failure: Maximum sending rate exceeded.", M.PASSING, "used up"),
    (Stage.DOT, "454 Throttling failure: Daily message quota exceeded.", M.PASSING, "used up"),
    (Stage.RCPT, "550 Domain demo.example has exceeded the max emails per hour (151/150 (100%)) allowed.  Message discarded.", M.PASSING, "quota of the hour"),
    (Stage.DOT, "550 5.4.6 Unusual sending activity detected. Please try after sometime", M.PASSING, "held back"),
    (Stage.DOT, "550 5.4.6 Routing loop detected", M.PERMANENT, "circles"),
    (Stage.RCPT, "530 5.7.1 RESOLVER.RST.AuthRequired; authentication required", M.PERMANENT, "policy"),
    (Stage.AUTH, "535 5.7.8 Username and Password not accepted", M.LOGIN_REFUSED, "wrong"),
    (Stage.AUTH, "534 5.7.9 Application-specific password required", M.LOGIN_REFUSED, "application password"),
    (Stage.AUTH, "535 5.7.139 Authentication unsuccessful, basic authentication is disabled", M.LOGIN_REFUSED, "switched off"),
    (Stage.AUTH, "454 4.7.0 Temporary authentication failure: Connection lost to authentication server", M.PASSING, "just now"),
    (Stage.AUTH, "454 4.7.0 Too many login attempts, please try again later", M.PASSING, "too many"),
    (Stage.DOT, "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending", M.PASSING, "connections"),
    (Stage.DOT, "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", M.TEMPORARY, "recipient"),
    (Stage.RCPT, "421 4.7.0 Try again later, closing connection.", M.PASSING, "slows"),
    (Stage.RCPT, "421 4.7.0 TLS required for RCPT domain, closing connection.", M.TEMPORARY, "domain"),
    (Stage.DOT, "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints", M.PASSING, "slows"),
    (Stage.RCPT, "450 4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error.", M.PASSING, "quota"),
    (Stage.RCPT, "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages", M.TEMPORARY, "recipient"),
    (Stage.RCPT, "550 5.4.5 Daily sending quota exceeded.", M.PASSING, "day"),
    (Stage.DOT, "550 5.1.8 Access denied, bad outbound sender AS(42004)", M.TROUBLE, "sender"),
    (Stage.DOT, "550 5.7.705 Access denied, tenant has exceeded threshold", M.TROUBLE, "blocked"),
    (Stage.DOT, "550 5.7.708 Access denied, traffic not accepted from this IP", M.TROUBLE, "blocked"),
    (Stage.DOT, "550 5.7.703 Your message can't be delivered because messages to a@b.example are blocked by your organization", M.PERMANENT, "policy"),
    (Stage.DOT, "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied", M.PERMANENT, "send as"),
    (Stage.RCPT, "553 5.7.1 <x@demo.example>: Sender address rejected: not owned by user desk", M.PERMANENT, "send as"),
    (Stage.DATA, "553 5.7.1 <x@demo.example>: Sender address rejected: not logged in as owner", M.PERMANENT, "send as"),
    (Stage.DOT, "550 5.7.60 SMTP; Client does not have permissions to send as this sender", M.PERMANENT, "send as"),
    (Stage.RCPT, "550 5.1.8 <x@demo.example>: Sender address rejected: Domain not found", M.PERMANENT, "sender address"),
    (Stage.RCPT, "450 4.7.320 Certificate validation failed [Message=UntrustedRoot]", M.TEMPORARY, "TLS"),
    (Stage.RCPT, "450 4.4.1 connection timed out", M.TEMPORARY, "reached"),
    (Stage.DOT, "554 5.4.14 Hop count exceeded - possible mail loop ATTR34", M.PERMANENT, "circles"),
    (Stage.DOT, "554 5.6.0 Corrupt message content", M.PERMANENT, "content"),
    (Stage.MAIL, "553 5.6.7 Non-ASCII addresses not permitted for that sender/recipient", M.PERMANENT, "ASCII"),
    (Stage.RCPT, "503 5.5.1 RCPT first", M.TEMPORARY, "thread"),
    (Stage.RCPT, "550 4.2.2 contradicts itself", M.PERMANENT, ""),
    (Stage.RCPT, "450 5.1.1 contradicts itself", M.TEMPORARY, ""),
    (Stage.MAIL, "550 5.1.8 Sender address rejected", M.TROUBLE, ""),
    (Stage.RCPT, "251 2.1.5 will forward", M.PROCEED, ""),
    (Stage.RCPT, "252 2.0.0 cannot verify", M.PROCEED, ""),
]


@pytest.mark.parametrize(("stage", "words", "meaning", "because"), SEEN, ids=[f"{stage} {words[:40]}" for stage, words, _, _ in SEEN])
def test_what_real_servers_say(stage: Stage, words: str, meaning: Meaning, because: str) -> None:
    """decisions.md 19, E-23: the words of real servers mean what they mean there; a quota or a block of ours never fails a mail."""
    code = int(words[:3])
    judged = judge(stage, reply_class(code), code, words)
    assert judged.meaning is meaning and because in judged.because and bool(because) == bool(judged.because)


@given(some.sampled_from(SPOKEN), some.integers(0, 699), some.text(max_size=80) | some.from_regex(r"[245]\.[0-9]{1,2}\.[0-9]{1,3} \w{0,30}", fullmatch=True))
def test_anything_means_exactly_one_thing(stage: Stage, code: int, text: str) -> None:
    """Any stage, code and text has one meaning that its stage can have; after BODY and DOT nothing but a well-formed 2xx to the dot is acceptance."""
    reply = reply_class(code)
    words = clean_words(f"{code} {text}")
    judged = judge(stage, reply, code, words)
    assert judged == judge(stage, reply, code, words)
    allowed = {
        **dict.fromkeys(SPOKEN, TROUBLES | {M.PROCEED}),
        **dict.fromkeys(MAILS, (set(OUTCOME_OF) | TROUBLES) - {M.ACCEPTED, M.UNKNOWN, M.NEXT}),
        Stage.MAIL: TROUBLES | {M.PROCEED, M.PERMANENT},
    }[stage]
    extra = {Stage.RCPT: {M.PROCEED, M.NEXT}, Stage.DATA: {M.PROCEED}, Stage.DOT: {M.ACCEPTED, M.UNKNOWN}}.get(stage, set())
    assert judged.meaning in allowed | extra
    if judged.meaning is M.ACCEPTED:
        assert stage is Stage.DOT and 200 <= code <= 299
    if judged.meaning is M.UNKNOWN:
        assert stage is Stage.DOT and reply in (Reply.GO_ON, Reply.GARBAGE)
    if reply not in (Reply.LATER, Reply.NEVER):
        assert judged.meaning is MEANING[stage][reply] and not judged.because


def test_the_rows_can_only_be_about_refusals() -> None:
    """No row says proceed, accepted or unknown; another transaction is for recipients only; what is said before MAIL stays the connector's; each gives its reason."""
    for row in ROWS:
        assert row.meaning in TROUBLES | {M.TEMPORARY, M.PERMANENT, M.NEXT}
        assert row.meaning is not M.NEXT or row.stages == (Stage.RCPT,)
        assert row.meaning in TROUBLES or set(row.stages) <= set(PARAMETERS)
        assert row.because and row.seen and all(code[0] in "45" for code in row.codes.split())


def test_no_row_is_hidden_by_an_earlier_one() -> None:
    """Each row speaks for some answer: one made of its own codes is not always taken by another before it."""
    said = {words for _, words, _, _ in SEEN}
    for row in ROWS:
        made = [f"{_filled(code)} {_filled(enhanced)} x" for code in row.codes.split() for enhanced in (row.enhanced or "-").split()]
        answers = [words for words in [*made, *said, *MADE] if row.fits(row.stages[0], int(words[:3]), enhanced_code(int(words[:3]), words), words)]
        heard = [words for words in answers if any(judge(stage, reply_class(int(words[:3])), int(words[:3]), words).because == row.because for stage in row.stages)]
        assert heard, row


MADE = ("452 too many recipients", "421 too many", "554 5.2.0 SubmissionQuotaExceeded", "538 5.7.11 encryption needed")


def _filled(pattern: str) -> str:
    return "" if pattern == "-" else {"4*": "450", "5*": "550", "45*": "450", "55*": "550"}.get(pattern, pattern.replace("*", "0"))


def test_enhanced_codes() -> None:
    """RFC 3463 after the reply code; one that contradicts the reply code, or stands elsewhere, does not count."""
    assert enhanced_code(550, "550 5.1.1 no") == "5.1.1"
    assert enhanced_code(550, "550-5.1.1 no 550 5.1.1 really") == "5.1.1"
    assert enhanced_code(550, "550 #5.1.1 no") == "5.1.1"
    assert enhanced_code(550, "550 4.1.1 no") == enhanced_code(550, "550 no 5.1.1") == enhanced_code(550, "550 5.1.1.2") == enhanced_code(550, "550") == ""


LAST_WORDS = [
    ("250 2.0.0 Ok: queued as 4F1A2B3C4D", "4F1A2B3C4D"),
    ("250 2.0.0 OK 0A1B.demo queued as <01HXYZ.7@desk.example>", "01HXYZ.7@desk.example"),
    ("250 OK id=1rAbCd-0001Xy-2Z", "1rAbCd-0001Xy-2Z"),
    ("250 2.6.0 <abc.1@mail.example> [InternalId=123456, Hostname=X.prod.outlook.com] 9210 bytes in 0.2, 40 KB/sec Queued mail for delivery", "abc.1@mail.example"),
    ("250 2.0.0 OK  1700000000 d9443c01a7336-1cc5sor123plg.1 - gsmtp", "d9443c01a7336-1cc5sor123plg.1"),
    ("250 2.0.0 3AB1xyz012345 Message accepted for delivery", "3AB1xyz012345"),
    ("250 Ok 0100018c-abcd-1234-5678-0123456789ab-000000", "0100018c-abcd-1234-5678-0123456789ab-000000"),
    ("250 ok 1700000000 qp 12345", "qp 12345"),
    ("250 2.0.0 Ok", ""),
    ("250", ""),
    ("250 ok queued as \x1b[31m", ""),
]


@pytest.mark.parametrize(("words", "name"), LAST_WORDS)
def test_the_name_a_server_gives_a_mail(words: str, name: str) -> None:
    """Postfix, Exim, Exchange, Gmail, sendmail and others: their id, so that their administrator finds the mail."""
    assert queue_id(words) == name


@given(some.text(max_size=3000))
def test_names_from_hostile_words(text: str) -> None:
    """Whatever a server says, the id is short, printable ASCII on one line."""
    for words in (text, f"250 queued as {text}", f"250 OK id={text}", f"250 2.6.0 <{text}> [InternalId="):
        found = queue_id(clean_words(words))
        assert len(found) <= MAX_QUEUE_ID and found.isascii() and (found == "" or found.isprintable()) and found == found.strip()
    assert len(PATTERNS) >= 6
