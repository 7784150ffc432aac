"""Ways in which servers behave towards one mail, as data: what each says, what we make of it, what comes next; played by `test_behaviours.py`.

The peer that plays them is `peer.py`. `docs/server-answers.md` is drawn from this table and from `core/answers.py` by `server_answers.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.delivery import Meaning, Stage
from core.outbox import OutboxState, Outcome
from tests.outbound.peer import CLOSE, GARBLE, RESET, STALL, TLS, Reply

A, T, P, U = Outcome.ACCEPTED, Outcome.TEMPORARY, Outcome.PERMANENT, Outcome.UNKNOWN
PASSING, TROUBLE, LOGIN = Meaning.PASSING, Meaning.TROUBLE, Meaning.LOGIN_REFUSED
SENT, FAILED, RETRY = OutboxState.SENT, OutboxState.FAILED, OutboxState.PENDING_RETRY
_S = Stage

ONE = ("a@acme.example",)
THREE = ("a@acme.example", "b@acme.example", "c@acme.example")
LONG = "250 " + "x" * 9000
MANY = "\r\n".join(["250-more"] * 200 + ["250 done"])

LOCKSTEP, PIPELINED = "one by one", "pipelined"
BOTH = (LOCKSTEP, PIPELINED)
NOT_SPOKEN = (LOCKSTEP,)
"""For what ends before the first command of a mail: pipelining cannot matter."""


@dataclass(frozen=True)
class Behaviour:
    """`the server` + `name` is a sentence. `script` is for the peer, `offers` are further lines of its EHLO. `end` is the trouble, or an outcome for each recipient.

    `state`: where the message is then, with tries left and the policy *repeat*. `warm`: the session had a mail before, of which the first answer of
    each list in the script is.
    """

    name: str
    script: dict[str, Reply]
    stage: Stage
    end: Meaning | tuple[Outcome, ...]
    state: OutboxState
    recipients: tuple[str, ...] = ONE
    modes: tuple[str, ...] = BOTH
    offers: tuple[str, ...] = ()
    security: str = "none"
    certificate: str = ""
    auth: str = ""
    large: bool = False
    sender: str = "support@demo.example"
    warm: bool = False
    connections: int = 1
    taken: int | None = None
    """How many mails the peer has read to their end; by default as many as the outcomes allow."""
    expects: str = ""
    """Words that ours of the attempt hold."""
    server: dict[str, object] = field(default_factory=dict)

    @property
    def copy(self) -> bool:
        """Whether a second copy could exist after a repeat: only after an unknown outcome."""
        return isinstance(self.end, tuple) and U in self.end


def _before(name: str, script: dict[str, Reply], stage: Stage, end: Meaning, **more: object) -> Behaviour:
    """The connector's trouble: nobody was asked for anything yet, the mail waits and loses no try."""
    spoken = {"modes": BOTH if stage in (_S.MAIL, _S.RCPT, _S.DATA, _S.DOT) else NOT_SPOKEN}
    return Behaviour(name, script, stage, end, RETRY, **(spoken | more))  # type: ignore[arg-type]


def _tls(name: str, stage: Stage, end: Meaning, **more: object) -> Behaviour:
    return _before(name, {"EHLO": "250-peer\r\n250 STARTTLS", **more.pop("script", {})}, stage, end, security="starttls", **more)  # type: ignore[dict-item]


def _auth(name: str, answers: Reply, end: Meaning, auth: str = "plain", offer: str = "AUTH PLAIN LOGIN XOAUTH2", **more: object) -> Behaviour:
    return _before(name, {"AUTH": answers}, more.pop("stage", _S.AUTH), end, auth=auth, offers=(offer,), **more)  # type: ignore[arg-type]


OPENINGS = (
    _before("greets with 554", {"BANNER": "554 5.3.2 no mail here"}, _S.BANNER, TROUBLE),
    _before("greets with 521 (RFC 7504)", {"BANNER": "521 no SMTP here"}, _S.BANNER, TROUBLE),
    _before("greets with 421", {"BANNER": "421 4.3.2 too many connections" + CLOSE}, _S.BANNER, PASSING),
    _before("greets in another language", {"BANNER": "HTTP/1.1 400 Bad Request"}, _S.BANNER, PASSING),
    _before("greets with 354", {"BANNER": "354 what"}, _S.BANNER, TROUBLE),
    _before("does not greet", {"BANNER": STALL}, _S.BANNER, PASSING),
    _before("closes instead of a greeting", {"BANNER": CLOSE}, _S.BANNER, PASSING),
    _before("greets with half a line and closes", {"BANNER": "220 pe\0" + CLOSE}, _S.BANNER, PASSING),
    _before("greets without an end", {"BANNER": "220-x\0"}, _S.BANNER, PASSING, server={"command_timeout": 0.4}),
    _before("refuses EHLO with 550", {"EHLO": "550 5.7.1 go away"}, _S.EHLO, TROUBLE),
    _before("refuses EHLO with 451", {"EHLO": "451 4.3.0 later"}, _S.EHLO, PASSING),
    _before("answers EHLO with mixed codes", {"EHLO": "250-peer\r\n251 odd"}, _S.EHLO, PASSING),
    _before("answers EHLO with a line of 9,000 characters", {"EHLO": LONG}, _S.EHLO, PASSING),
    _before("answers EHLO with 201 lines", {"EHLO": MANY}, _S.EHLO, PASSING),
    _before("answers EHLO twice", {"EHLO": "250 peer\r\n250 peer"}, _S.EHLO, PASSING, expects="more than it was asked"),
    _before("does not answer EHLO", {"EHLO": STALL}, _S.EHLO, PASSING),
    _before("closes in the middle of its answer to EHLO", {"EHLO": "250-peer" + CLOSE}, _S.EHLO, PASSING),
    _tls("does not offer STARTTLS", _S.STARTTLS, TROUBLE, script={"EHLO": "250 peer"}),
    _tls("refuses STARTTLS with 454", _S.STARTTLS, PASSING, script={"STARTTLS": "454 4.7.0 TLS not available"}),
    _tls("refuses STARTTLS with 502", _S.STARTTLS, TROUBLE, script={"STARTTLS": "502 5.5.1 what"}),
    _tls("answers STARTTLS with 250", _S.STARTTLS, PASSING, script={"STARTTLS": "250 ok"}),
    _tls("slips a command's answer in before TLS", _S.STARTTLS, PASSING, script={"STARTTLS": "220 go\r\n250 injected"}, expects="more than it was asked"),
    _tls("closes instead of beginning TLS", _S.TLS, TROUBLE, script={"STARTTLS": "220 go" + CLOSE}),
    _tls("talks nonsense instead of TLS", _S.TLS, TROUBLE, script={"STARTTLS": GARBLE}),
    _tls("shows a certificate nobody vouches for", _S.TLS, TROUBLE, script={"STARTTLS": TLS}, certificate="stranger", expects="TLS failed"),
    _tls("shows a certificate that has expired", _S.TLS, TROUBLE, script={"STARTTLS": TLS}, certificate="expired", expects="expired"),
    _tls("shows a certificate for another name", _S.TLS, TROUBLE, script={"STARTTLS": TLS}, certificate="wrong name", expects="not valid for"),
    _before("wants a certificate of ours (Postfix, said at EHLO)", {"EHLO": "421 4.7.1 peer Error: No client certificate presented" + CLOSE}, _S.EHLO, TROUBLE),
    _tls("wants a certificate of ours", _S.TLS, TROUBLE, script={"STARTTLS": TLS}, certificate="asks", expects="CERTIFICATE_REQUIRED"),
    _before("talks in clear on a port for TLS", {}, _S.TLS, TROUBLE, security="tls"),
    _before("shows a bad certificate from the first byte", {}, _S.TLS, TROUBLE, security="tls", certificate="expired", expects="expired"),
)

LOG_INS = (
    _auth("refuses the password with 535", "535 5.7.8 Username and Password not accepted", LOGIN, expects="user name or secret"),
    _auth("wants a log-in by browser (Google 534)", "534-5.7.9 Please log in with your web browser and then try again\r\n534 5.7.9 gsmtp", LOGIN),
    _auth("takes no passwords any more (Microsoft 5.7.30)", "550 5.7.30 Basic authentication is not supported for Client Submission.", LOGIN, expects="xoauth2"),
    _auth("has SMTP AUTH switched off (Microsoft 5.7.139)", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled", LOGIN),
    _auth("cannot check log-ins now", "454 4.7.0 Temporary authentication failure", PASSING),
    _auth("has had too many log-ins", "421 4.7.0 Too many login attempts, please try again later" + CLOSE, PASSING),
    _auth("asks on and on during a log-in", "334 more", PASSING, server={"command_timeout": 2.0}),
    _auth("closes during the log-in", CLOSE, PASSING),
    _auth("does not answer the log-in", STALL, PASSING),
    _auth("offers only log-ins that we do not have", "235 ok", TROUBLE, offer="AUTH CRAM-MD5", stage=_S.SETTINGS),
    _auth("does not know the mechanism it offers", "504 5.7.4 Unrecognized authentication type", TROUBLE),
    _auth("challenges the token and refuses it", ["334 eyJzdGF0dXMiOiI0MDAifQ==", "535 5.7.3 Authentication unsuccessful"] * 2, LOGIN, auth="xoauth2", connections=2),
    Behaviour("takes the second token only", {"AUTH": ["334 e30=", "535 5.7.3 expired", "235 2.7.0 ok"]}, _S.DOT, (A,), SENT, auth="xoauth2",
              offers=("AUTH XOAUTH2",), connections=2),
    _auth("does not offer log-in by token", "235 ok", TROUBLE, auth="xoauth2", offer="AUTH PLAIN", stage=_S.SETTINGS),
)

SENDERS = (
    _before("refuses MAIL with 550", {"MAIL": "550 5.7.1 sender refused"}, _S.MAIL, TROUBLE),
    _before("refuses MAIL with 452", {"MAIL": "452 4.3.1 no space"}, _S.MAIL, PASSING),
    _before("wants a log-in first (530)", {"MAIL": "530 5.7.57 Client not authenticated to send mail"}, _S.MAIL, TROUBLE, expects="log in"),
    _before("wants STARTTLS first (530)", {"MAIL": "530 5.7.0 Must issue a STARTTLS command first"}, _S.MAIL, TROUBLE, expects="encryption"),
    _before("answers MAIL with 354", {"MAIL": "354 what"}, _S.MAIL, TROUBLE),
    _before("answers MAIL with words only", {"MAIL": "yes"}, _S.MAIL, PASSING),
    _before("does not answer MAIL", {"MAIL": STALL}, _S.MAIL, PASSING),
    _before("resets at MAIL", {"MAIL": RESET}, _S.MAIL, PASSING),
    Behaviour("finds the mail too big at MAIL", {"MAIL": "552 5.3.4 Message size exceeds fixed limit"}, _S.MAIL, (P, P, P), FAILED, THREE),
    Behaviour("finds the mail too big at MAIL and closes", {"MAIL": "521 5.3.4 Message too big" + CLOSE}, _S.MAIL, (P,), FAILED),
    Behaviour("announces a size that the mail exceeds", {"EHLO": "250-peer\r\n250 SIZE 20"}, _S.LIMITS, (P,), FAILED, modes=NOT_SPOKEN),
    Behaviour("does not offer SMTPUTF8", {"EHLO": "250 peer"}, _S.LIMITS, (P,), FAILED, ("josé@acme.example",), modes=NOT_SPOKEN),
    Behaviour("offers SMTPUTF8 and refuses it", {"MAIL": "553 5.6.7 non-ASCII addresses not permitted"}, _S.MAIL, (P,), FAILED, ("josé@acme.example",)),
    Behaviour("refuses what DSN adds to MAIL", {"MAIL": ["555 5.5.4 Unsupported option: RET", "250 ok"]}, _S.DOT, (A,), SENT, offers=("DSN",), connections=2),
    Behaviour("refuses what DSN adds to RCPT", {"RCPT": ["501 5.5.4 NOTIFY what", "250 ok"]}, _S.DOT, (A,), SENT, offers=("DSN",), connections=2),
    Behaviour("refuses the address with 501, with DSN or without", {"RCPT": "501 5.1.3 Bad recipient address syntax"}, _S.RCPT, (P,), FAILED, offers=("DSN",),
              connections=2),
)

RECIPIENTS = (
    Behaviour("accepts", {}, _S.DOT, (A,), SENT),
    Behaviour("answers in several lines each time", {"MAIL": "250-2.1.0\r\n250 ok", "RCPT": "250-a\r\n250-b\r\n250 c", "DOT": "250-1\r\n250 2"}, _S.DOT, (A,), SENT),
    Behaviour("answers with bare codes", {"MAIL": "250", "RCPT": "250", "DATA": "354", "DOT": "250"}, _S.DOT, (A,), SENT),
    Behaviour("answers RCPT with 251", {"RCPT": "251 2.1.5 will forward"}, _S.DOT, (A,), SENT),
    Behaviour("answers RCPT with 252", {"RCPT": "252 2.0.0 cannot verify"}, _S.DOT, (A,), SENT),
    Behaviour("answers RCPT with 200", {"RCPT": "200 fine"}, _S.DOT, (A,), SENT),
    Behaviour("does not know the recipient", {"RCPT": "550 5.1.1 User unknown"}, _S.RCPT, (P,), FAILED),
    Behaviour("says that the address has moved", {"RCPT": "551 5.1.6 User not local; please try <new@other.example>"}, _S.RCPT, (P,), FAILED),
    Behaviour("says that the domain takes no mail (null MX)", {"RCPT": "556 5.1.10 Recipient address has null MX"}, _S.RCPT, (P,), FAILED),
    Behaviour("does not relay", {"RCPT": "554 5.7.1 <a@acme.example>: Relay access denied"}, _S.RCPT, (P,), FAILED),
    Behaviour("greylists with 450", {"RCPT": "450 4.2.0 Recipient address rejected: Greylisted"}, _S.RCPT, (T,), RETRY),
    Behaviour("greylists with 451", {"RCPT": "451 4.7.1 Greylisting in action, please come back later"}, _S.RCPT, (T,), RETRY),
    Behaviour("says that the mailbox is full for now", {"RCPT": "452 4.2.2 The email account is over quota"}, _S.RCPT, (T,), RETRY),
    Behaviour("says that the mailbox is full for good", {"RCPT": "552 5.2.2 Mailbox full"}, _S.RCPT, (P,), FAILED),
    Behaviour("says 550 with an enhanced code of 4.x.x", {"RCPT": "550 4.2.2 Mailbox full"}, _S.RCPT, (P,), FAILED),
    Behaviour("says 450 with an enhanced code of 5.x.x", {"RCPT": "450 5.1.1 User unknown"}, _S.RCPT, (T,), RETRY),
    Behaviour("takes some recipients only", {"RCPT": ["250 ok", "550 5.1.1 no", "451 4.2.0 later"]}, _S.DOT, (A, P, T), RETRY, THREE),
    Behaviour("takes one recipient and refuses two", {"RCPT": ["550 5.1.1 no", "250 ok", "550 5.1.1 no"]}, _S.DOT, (P, A, P), SENT, THREE),
    Behaviour("takes two recipients a transaction", {"RCPT": ["250 ok", "250 ok", "452 4.5.3 Too many recipients", "250 ok"]}, _S.DOT, (A, A, A), SENT, THREE, taken=2),
    Behaviour("says 552 for too many recipients", {"RCPT": ["250 ok", "250 ok", "552 Too many recipients", "250 ok"]}, _S.DOT, (A, A, A), SENT, THREE,
              taken=2),
    Behaviour("takes no recipient at all “for now too many”", {"RCPT": "452 4.5.3 Too many recipients"}, _S.RCPT, (T, T, T), RETRY, THREE),
    Behaviour("refuses the second transaction", {"RCPT": ["250 ok", "250 ok", "452 4.5.3 too many"], "MAIL": ["250 ok", "451 4.3.0 no"]}, _S.MAIL,
              (A, A, T), RETRY, THREE, taken=1),
    Behaviour("closes with 421 among the recipients", {"RCPT": ["250 ok", "421 4.3.2 closing" + CLOSE]}, _S.RCPT, (T, T, T), RETRY, THREE),
    Behaviour("closes with 421 after a refusal", {"RCPT": ["550 5.1.1 no", "421 4.3.2 closing" + CLOSE]}, _S.RCPT, (P, T, T), RETRY, THREE),
    Behaviour("closes among the recipients", {"RCPT": ["250 ok", CLOSE]}, _S.RCPT, (T, T, T), RETRY, THREE),
    Behaviour("does not answer RCPT", {"RCPT": STALL}, _S.RCPT, (T,), RETRY),
    Behaviour("answers RCPT with words only", {"RCPT": "sure"}, _S.RCPT, (T,), RETRY),
    Behaviour("answers RCPT with 354", {"RCPT": "354 what"}, _S.RCPT, (T,), RETRY),
    Behaviour("loses the thread (503 to RCPT)", {"RCPT": "503 5.5.1 need MAIL first"}, _S.RCPT, (T,), RETRY),
    Behaviour("says one answer too many to RCPT", {"RCPT": "250 ok\r\n250 once more"}, _S.DATA, (T,), RETRY, modes=(PIPELINED,)),
    Behaviour("answers RCPT before it is asked again", {"RCPT": "250 ok\r\n250 once more"}, _S.RCPT, (T,), RETRY, modes=(LOCKSTEP,),
              expects="more than it was asked"),
    Behaviour("refuses everybody and would take the body", {"RCPT": "550 5.1.1 no"}, _S.RCPT, (P, P, P), FAILED, THREE, modes=(PIPELINED,)),
    Behaviour("refuses everybody and then DATA", {"RCPT": "550 5.1.1 no", "DATA": "554 5.5.1 no valid recipients"}, _S.RCPT, (P, P, P), FAILED, THREE,
              modes=(PIPELINED,)),
    Behaviour("refuses everybody and accepts DATA with 250", {"RCPT": "550 5.1.1 no", "DATA": "250 ok"}, _S.RCPT, (T, T, T), RETRY, THREE, modes=(PIPELINED,)),
    Behaviour("refuses everybody and closes with 421", {"RCPT": "550 5.1.1 no", "DATA": "421 4.3.2 bye" + CLOSE}, _S.RCPT, (P,), FAILED, modes=(PIPELINED,)),
)

QUOTAS = (
    _before("has a quota for the day (Google 5.4.5)", {"RCPT": "550 5.4.5 Daily user sending limit exceeded"}, _S.RCPT, PASSING, recipients=THREE),
    _before("has a quota for the day, said after the dot", {"DOT": "550-5.4.5 Daily user sending limit exceeded.\r\n550 5.4.5 gsmtp"}, _S.DOT, PASSING, taken=1),
    _before("has blocked the account (Microsoft 5.1.8)", {"DOT": "550 5.1.8 Access denied, bad outbound sender AS(42004)"}, _S.DOT, TROUBLE, taken=1),
    _before("has blocked the tenant (Microsoft 5.7.705)", {"RCPT": "550 5.7.705 Access denied, tenant has exceeded threshold"}, _S.RCPT, TROUBLE),
    _before("has blocked the network (Microsoft 5.7.708)", {"RCPT": "550 5.7.708 Access denied, traffic not accepted from this IP"}, _S.RCPT, TROUBLE),
    Behaviour("does not let the account send as this sender (SendAsDenied)",
              {"DOT": "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message"}, _S.DOT, (P,), FAILED,
              expects="may not send as the address in From"),
    Behaviour("does not let the account send as this sender (5.7.60)", {"DOT": "550 5.7.60 SMTP; Client does not have permissions to send as this sender"},
              _S.DOT, (P,), FAILED, expects="may not send as the address in From"),
    Behaviour("does not let the user send as this sender (Postfix, said at RCPT)",
              {"RCPT": "553 5.7.1 <support@demo.example>: Sender address rejected: not owned by user desk"}, _S.RCPT, (P,), FAILED,
              expects="may not send as the address in From"),
    _before("takes mail only after a log-in (Postfix, said at RCPT)", {"RCPT": "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"}, _S.RCPT, TROUBLE,
            recipients=THREE),
    _before("takes this sender only after a log-in (Postfix)", {"RCPT": "553 5.7.1 <support@demo.example>: Sender address rejected: not logged in"}, _S.RCPT, TROUBLE),
    _before("does not take our name (Postfix, said at RCPT)", {"RCPT": "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname"}, _S.RCPT, TROUBLE),
    _before("takes no more recipients this minute", {"RCPT": "450 4.7.1 Error: too many recipients from 192.0.2.1"}, _S.RCPT, PASSING, recipients=THREE),
    Behaviour("takes no more recipients this minute after the first", {"RCPT": ["250 ok", "450 4.7.1 Error: too many recipients from 192.0.2.1"]}, _S.DOT, (A, T, T),
              RETRY, THREE),
    Behaviour("hangs up after so many unknown recipients", {"RCPT": ["550 5.1.1 no", "421 4.7.0 peer Error: too many errors" + CLOSE]}, _S.RCPT, (P, T, T), RETRY,
              THREE),
    _before("slows us down at MAIL (Postfix)", {"MAIL": "450 4.7.1 Error: too much mail from 192.0.2.1"}, _S.MAIL, PASSING),
    _before("throttles us after the dot (Amazon SES)", {"DOT": "454 Throttling failure: Maximum sending rate exceeded."}, _S.DOT, PASSING, taken=1),
    _before("holds our account back (Zoho)", {"DOT": "550 5.4.6 Unusual sending activity detected"}, _S.DOT, PASSING, taken=1),
    _before("has a quota for the hour (Exim under cPanel)", {"RCPT": "550 Domain demo.example has exceeded the max emails per hour (151/150 (100%)) allowed."}, _S.RCPT,
            PASSING),
    _before("wants fewer connections (432)", {"DOT": "432 4.3.2 Concurrent connections limit exceeded"}, _S.DOT, PASSING, taken=1),
    _before("slows us down (421 4.7.0)", {"RCPT": "421 4.7.0 Try again later, closing connection" + CLOSE}, _S.RCPT, PASSING),
    _before("finds our rate unusual (421 4.7.28)", {"DOT": "421 4.7.28 Our system has detected an unusual rate of mail" + CLOSE}, _S.DOT, PASSING, taken=1),
    Behaviour("says that one recipient gets too much mail", {"RCPT": "450 4.2.1 The user you are trying to contact is receiving mail too quickly"}, _S.RCPT, (T,), RETRY),
)

BODIES = (
    Behaviour("refuses DATA with 554", {"DATA": "554 5.7.1 no"}, _S.DATA, (P,), FAILED),
    Behaviour("refuses DATA with 451", {"DATA": "451 4.3.0 later"}, _S.DATA, (T,), RETRY),
    Behaviour("answers DATA with 250", {"DATA": "250 ok"}, _S.DATA, (T,), RETRY),
    Behaviour("answers DATA with words only", {"DATA": "35"}, _S.DATA, (T,), RETRY),
    Behaviour("answers DATA twice", {"DATA": "354 go\r\n354 go"}, _S.DATA, (T,), RETRY, expects="more than it was asked"),
    Behaviour("accepts before the body was sent", {"DATA": "354 go\r\n250 2.0.0 queued as X1"}, _S.DATA, (T,), RETRY, expects="more than it was asked"),
    Behaviour("does not answer DATA", {"DATA": STALL}, _S.DATA, (T,), RETRY),
    Behaviour("closes at DATA", {"DATA": CLOSE}, _S.DATA, (T,), RETRY),
    Behaviour("closes with 421 at DATA", {"DATA": "421 4.3.2 closing" + CLOSE}, _S.DATA, (T,), RETRY),
    Behaviour("closes in the body", {"BODY": CLOSE}, _S.BODY, (T,), RETRY, large=True),
    Behaviour("resets in the body", {"BODY": RESET}, _S.BODY, (T,), RETRY, large=True),
    Behaviour("takes nothing more of the body", {"BODY": STALL}, _S.BODY, (T,), RETRY, large=True, server={"write_timeout": 0.5}),
    Behaviour("finds the mail too big in the body", {"BODY": "552 5.3.4 too big" + CLOSE}, _S.BODY, (P,), FAILED, large=True),
    Behaviour("accepts in the middle of the body", {"BODY": "250 2.0.0 taken"}, _S.BODY, (T,), RETRY, large=True),
)

DOTS = (
    Behaviour("refuses the content with 554", {"DOT": "554 5.7.1 spam"}, _S.DOT, (P,), FAILED),
    Behaviour("refuses the content for now", {"DOT": "451 4.3.0 later"}, _S.DOT, (T,), RETRY),
    Behaviour("refuses the content after refusing some recipients", {"RCPT": ["250 ok", "550 5.1.1 no"], "DOT": "554 5.6.0 bad content"}, _S.DOT,
              (P, P), FAILED, THREE[:2]),
    Behaviour("finds that the mail goes in circles", {"DOT": "554 5.4.14 Hop count exceeded - possible mail loop"}, _S.DOT, (P,), FAILED),
    Behaviour("closes with 421 after the dot", {"DOT": "421 4.3.2 closing" + CLOSE}, _S.DOT, (T,), RETRY),
    Behaviour("accepts and closes", {"DOT": "250 2.0.0 ok" + CLOSE}, _S.DOT, (A,), SENT),
    Behaviour("closes after the dot", {"DOT": CLOSE}, _S.DOT, (U,), RETRY),
    Behaviour("resets after the dot", {"DOT": RESET}, _S.DOT, (U,), RETRY),
    Behaviour("does not answer the dot", {"DOT": STALL}, _S.DOT, (U,), RETRY),
    Behaviour("answers the dot with nonsense", {"DOT": "\x00\x01 whatever"}, _S.DOT, (U,), RETRY),
    Behaviour("answers the dot without a code", {"DOT": "OK queued"}, _S.DOT, (U,), RETRY),
    Behaviour("answers the dot with a code glued to its words", {"DOT": "250ok"}, _S.DOT, (U,), RETRY),
    Behaviour("answers the dot with 9,000 characters", {"DOT": LONG}, _S.DOT, (U,), RETRY),
    Behaviour("answers the dot with 201 lines", {"DOT": MANY}, _S.DOT, (U,), RETRY),
    Behaviour("answers the dot with half a reply and closes", {"DOT": "250-first" + CLOSE}, _S.DOT, (U,), RETRY),
    Behaviour("answers the dot with a line that does not end", {"DOT": "250 taken\0" + CLOSE}, _S.DOT, (U,), RETRY),
    Behaviour("answers the dot with mixed codes", {"DOT": "250-first\r\n550 second"}, _S.DOT, (U,), RETRY),
    Behaviour("answers the dot with 354", {"DOT": "354 go on"}, _S.DOT, (U,), RETRY),
    Behaviour("answers the dot with 650", {"DOT": "650 ok"}, _S.DOT, (U,), RETRY),
    Behaviour("closes after the dot, having refused some", {"RCPT": ["250 ok", "550 5.1.1 no", "450 4.2.0 later"], "DOT": CLOSE}, _S.DOT, (U, P, T), RETRY, THREE),
)

KEPT = (
    Behaviour("keeps the session for the next mail", {}, _S.DOT, (A,), SENT, warm=True, taken=2),
    Behaviour("has closed the kept session", {"DOT": ["250 ok" + CLOSE, "250 ok"]}, _S.DOT, (A,), SENT, warm=True, connections=2, taken=2),
    Behaviour("does not answer RSET", {"RSET": STALL}, _S.DOT, (A,), SENT, warm=True, connections=2, taken=2),
    Behaviour("answers RSET with 421", {"RSET": "421 4.4.2 idle too long" + CLOSE}, _S.DOT, (A,), SENT, warm=True, connections=2, taken=2),
    Behaviour("lets the log-in run out in a kept session", {"MAIL": ["250 ok", "530 5.7.57 Client not authenticated", "250 ok"]}, _S.DOT, (A,), SENT, warm=True,
              connections=2, taken=2),
    _before("does not take a new log-in's mail either", {"MAIL": ["250 ok", "530 5.7.57 Client not authenticated"]}, _S.MAIL, TROUBLE, warm=True, connections=2, taken=1),
    _before("refuses MAIL in a kept session", {"MAIL": ["250 ok", "550 5.7.1 no"]}, _S.MAIL, TROUBLE, warm=True, taken=1),
)

BEHAVIOURS: tuple[tuple[str, tuple[Behaviour, ...]], ...] = (
    ("Opening and encryption", OPENINGS),
    ("Log-in", LOG_INS),
    ("MAIL, and what the server announced", SENDERS),
    ("Recipients", RECIPIENTS),
    ("Quota, rate and standing of the connector", QUOTAS),
    ("DATA and the body", BODIES),
    ("The final dot", DOTS),
    ("Sessions that are kept", KEPT),
)
