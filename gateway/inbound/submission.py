"""The submission door (RFC 6409): our people's own mail programs log in here and hand in mail; what becomes of it is `gateway/submitted.py`.

The SMTP door with TLS and a log-in (RFC 4954) before everything else, recipients anywhere, and a look at From before the mail is taken.
Who may log in is `log_ins.py`, who may write from where `core/submitting.py`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from base64 import b64decode
from binascii import Error
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from core.mail import Address
from core.recipients import MOST_RECIPIENTS, parse_address
from core.refusal import Refused
from core.setup import Setup, User
from core.submitting import NotTaken, refused_author, refused_return_path
from gateway.inbound.conversation import NOT_IMPLEMENTED, VERBS, Conversation
from gateway.inbound.data_reader import DataReader
from gateway.inbound.envelope_path import Path
from gateway.inbound.intake import Intake
from gateway.inbound.limits import Allowance
from gateway.inbound.log_ins import LoggedIn, LogIns, Tries
from gateway.inbound.parse import header_only, lone_cr_mended
from gateway.inbound.port import Arrival
from gateway.inbound.replies import REPLIES
from gateway.inbound.smtp import SmtpDoor, SmtpOptions
from gateway.inbound.wire import Gone

DOOR = "submission"
LOG_IN_THREADS = 2
"""Each check takes 64 MB and 160 ms (argon2)."""
MOST_WAITING = 32
"""Log-ins that wait for a thread; more are told to come later."""
MOST_FAILURES = 3
"""Failed log-ins of one connection."""
LONGEST_HEADER = 256 * 1024

NOT_TAKEN = {
    NotTaken.RETURN_PATH: "return_path_not_yours",
    NotTaken.UNREADABLE: "author_unreadable",
    NotTaken.NOT_THEIRS: "author_not_yours",
    NotTaken.TO_US_ONLY: "author_to_us_only",
}
"""Reason → name of the reply."""

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_SHOWN = VERBS - {"HELP"}
"""Verbs whose lines the log may show: whatever else is said may be a password that was sent in the wrong place."""

log = logging.getLogger("guichet.submission")

Found = TypeVar("Found")


class SubmissionConversation(Conversation):
    """From the greeting to the goodbye with one mail program."""

    door_name = DOOR
    verbs = VERBS | {"AUTH"}

    def __init__(self, front: SubmissionDoor, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(front, loop)
        self._door = front
        self._logged_in: LoggedIn | None = None
        self._failures = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._door.implicit_tls and isinstance(transport, asyncio.ReadTransport):
            transport.pause_reading()  # the client speaks first, and what it says is for TLS
        super().connection_made(transport)

    async def _handle_client(self) -> None:
        if self._door.implicit_tls:
            try:
                if self._tls is None:
                    raise Gone
                await self.shake_hands(self._tls)
            except (Gone, ConnectionError):
                return
        await super()._handle_client()

    def logged(self, line: bytes) -> str:
        verb = line.partition(b" ")[0].decode("ascii", "replace").upper()
        return super().logged(line) if verb in _SHOWN else verb if verb in self.verbs | NOT_IMPLEMENTED else "(not shown)"

    def _extensions(self) -> list[str]:
        return [*super()._extensions(), *(["AUTH PLAIN LOGIN"] if self.in_tls else [])]

    # ------------------------------------------------------------ logging in

    async def smtp_AUTH(self, arg: str) -> str:
        assert self.session is not None and self.envelope is not None
        if not self.in_tls:
            return REPLIES["tls_for_log_in"]
        if self.session.host_name is None:
            return REPLIES["hello_first"]
        if self._logged_in is not None:
            return REPLIES["logged_in_already"]
        if self.envelope.mail_from is not None:
            return REPLIES["log_in_in_mail"]
        mechanism, _, initial = arg.partition(" ")
        ways = {"PLAIN": self._plain, "LOGIN": self._login}
        way = ways.get(mechanism.upper())
        if way is None:
            return REPLIES["unknown_mechanism"]
        try:
            name, password = await way(initial.strip())
        except _NotTold as refusal:
            return REPLIES[refusal.reply]
        return await self._log_in(name, password)

    async def _plain(self, initial: str) -> tuple[str, str]:
        """RFC 4616. Nobody acts for another here: an authorization identity must be the name itself."""
        said = _decoded("" if initial == "=" else initial) if initial else await self._asked("ask_both")
        parts = said.split("\x00")
        if len(parts) != 3 or parts[0] not in ("", parts[1]):
            raise _NotTold("not_logged_in")
        return parts[1], parts[2]

    async def _login(self, initial: str) -> tuple[str, str]:
        """Name and password one after the other, as Outlook does it; the name may come with the command."""
        name = _decoded("" if initial == "=" else initial) if initial else await self._asked("ask_name")
        return name, await self._asked("ask_password")

    async def _asked(self, prompt: str) -> str:
        await self.push(REPLIES[prompt])
        line = await self._next_line()
        if line is None:
            raise Gone
        if line == b"*":
            raise _NotTold("log_in_cancelled")
        return _decoded(line.decode("ascii", "replace"))

    async def _log_in(self, name: str, password: str) -> str:
        door = self._door
        if door.waiting >= MOST_WAITING or not door.tries.begin(self.address, name, self.loop.time()):
            log.warning("submission_log_in_braked", extra={"peer": self.address})
            return REPLIES["log_in_later"]
        door.waiting += 1
        try:
            found = await self._in_thread(door.log_in_threads, lambda: door.log_ins.check(name, password))
        except _NotAnswered:
            door.tries.not_decided(self.address, name)
            return REPLIES["log_in_later"]
        finally:
            door.waiting -= 1
        if found is None or self._user_of(found) is None:
            self._failures += 1
            log.warning("submission_log_in_failed", extra={"peer": self.address, "failures": self._failures})
            return REPLIES["too_many_log_ins" if self._failures >= MOST_FAILURES else "not_logged_in"]
        door.tries.succeeded(self.address, name)
        self._logged_in = found
        log.info("submission_logged_in", extra={"peer": self.address, "user": found.user_key, "app_password": found.app_password})
        return REPLIES["logged_in"]

    def _user_of(self, logged_in: LoggedIn) -> User | None:
        return self._door.setup().user_of.get(logged_in.user_key)

    def _user(self) -> User | None:
        """Who has logged in, as long as they are one of us; None where nobody has."""
        user = self._user_of(self._logged_in) if self._logged_in is not None else None
        if user is None:
            self._logged_in = None
        return user

    async def _in_thread(self, threads: ThreadPoolExecutor, work: Callable[[], Found]) -> Found:
        """What the work gives; the client's silence meanwhile is no fault of its. Raises _NotAnswered where it failed or takes too long."""
        self._untimed = True
        try:
            async with asyncio.timeout(self._rules.answer_timeout):
                return await self.loop.run_in_executor(threads, work)
        except TimeoutError:
            log.error("submission_no_answer", extra={"peer": self.address})
            raise _NotAnswered from None
        except (Gone, ConnectionError, asyncio.CancelledError):
            raise
        except Exception as fault:  # the database is away, or a fault of ours: either way the client is to come again
            log.error("submission_fault", extra={"peer": self.address, "fault": type(fault).__name__}, exc_info=fault)
            raise _NotAnswered from None
        finally:
            self._untimed = False
            self._reset_timeout()

    # ------------------------------------------------------------ a mail

    async def smtp_MAIL(self, arg: str) -> str:
        user = self._user()
        if user is None:
            return REPLIES["log_in_first" if self.in_tls else "tls_first"]
        assert self.envelope is not None
        before = self.envelope.mail_from
        reply = await super().smtp_MAIL(arg)
        sender = self.envelope.mail_from
        if sender is None or before is not None:
            return reply
        reason = refused_return_path(sender, user, self._door.setup())
        refusal = NOT_TAKEN[reason] if reason is not None else self._too_much()
        if not refusal:
            return reply
        self._set_rset_state()
        return REPLIES[refusal]

    def _too_much(self) -> str:
        assert self._logged_in is not None
        return "" if self._door.mails.take(self._logged_in.user_key, self.loop.time()) else "sending_too_much"

    def _parameter_refusal(self, path: Path) -> str:
        """AUTH= (RFC 4954 section 5) is understood and says nothing here: who hands it in has logged in."""
        return super()._parameter_refusal(replace(path, parameters={name: value for name, value in path.parameters.items() if name != "AUTH"}))

    async def smtp_RCPT(self, arg: str) -> str:
        return await super().smtp_RCPT(arg) if self._user() is not None else REPLIES["log_in_first" if self.in_tls else "tls_first"]

    def _recipient_verdict(self, address: str, accepted: list[str]) -> str:
        if address in accepted:
            return "recipient_ok"
        if len(accepted) >= self._rules.max_recipients:
            return "too_many_recipients"
        try:
            parse_address(address)
        except Refused:
            return "bad_recipient"
        if self._door.intake.rests(address):
            return "resting_recipient"
        accepted.append(address)
        return "recipient_ok"

    async def smtp_DATA(self, arg: str) -> str:
        return await super().smtp_DATA(arg) if self._user() is not None else REPLIES["log_in_first" if self.in_tls else "tls_first"]

    async def _hand_in(self, content: DataReader) -> str:
        """Looked at before it is taken: the log-in stands still, and From is theirs."""
        assert self.envelope is not None and self._logged_in is not None
        raw, recipients, logged_in, door = content.content(), tuple(self.envelope.rcpt_tos), self._logged_in, self._door
        try:
            refusal = await self._in_thread(door.look_threads, lambda: door.refused(raw, recipients, logged_in))
        except _NotAnswered:
            return REPLIES["fault"]
        if refusal:
            if refusal == "log_in_first":
                self._logged_in = None
            return REPLIES[refusal]
        return await self._stored(self._arrival(raw))

    def _arrival(self, raw: bytes) -> Arrival:
        assert self._logged_in is not None
        return replace(super()._arrival(raw), submitted_by=self._logged_in.user_key)


class SubmissionDoor(SmtpDoor):
    """Hands what our people's mail programs bring to the intake. `start` raises OSError (port in use, certificate not readable).

    Without a certificate nobody can log in. `setup` is asked at every command: it must be cheap. Log-ins are limited by the minute, mails by the hour.
    """

    conversation = SubmissionConversation

    def __init__(
        self,
        intake: Intake,
        options: SmtpOptions,
        log_ins: LogIns,
        setup: Callable[[], Setup],
        *,
        implicit_tls: bool = False,
        log_ins_per_minute: int = 20,
        mails_per_hour: int = 300,
    ) -> None:
        super().__init__(intake, replace(options, max_recipients=min(options.max_recipients, MOST_RECIPIENTS)))
        self.log_ins = log_ins
        self.setup = setup
        self.implicit_tls = implicit_tls
        self.tries = Tries(log_ins_per_minute)
        self.mails = Allowance(mails_per_hour, 3600)
        self.waiting = 0
        self.log_in_threads = ThreadPoolExecutor(LOG_IN_THREADS, "submission-log-in")
        self.look_threads = ThreadPoolExecutor(LOG_IN_THREADS, "submission-look")

    def stop(self, drain_seconds: float = 30.0) -> None:
        super().stop(drain_seconds)
        for threads in (self.log_in_threads, self.look_threads):
            threads.shutdown(wait=False, cancel_futures=True)

    def refused(self, raw: bytes, recipients: tuple[str, ...], logged_in: LoggedIn) -> str:
        """Why a mail is not taken, as the name of a reply, '' where it is. Blocks; raises what the database raises."""
        if not self.log_ins.stands(logged_in):
            return "log_in_first"
        setup = self.setup()
        user = setup.user_of.get(logged_in.user_key)
        if user is None:
            return "log_in_first"
        reason = refused_author(authors(raw), recipients, user, setup)
        return NOT_TAKEN[reason] if reason is not None else ""


class _NotTold(Exception):
    """The client did not say who it is; `reply` names the answer."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


class _NotAnswered(Exception):
    """What runs in a thread failed, or takes too long."""


def authors(raw: bytes) -> tuple[Address, ...]:
    """The addresses in From, read as the whole mail will be; none where the header has no end in sight, or From stands there twice."""
    head = lone_cr_mended(raw[:LONGEST_HEADER])
    end = _HEADER_END.search(head)
    if end is None and len(raw) > LONGEST_HEADER:
        return ()
    mail = header_only(head[: end.end()] if end is not None else head, "")
    return mail.from_ if len(mail.header_all("From")) == 1 else ()


def _decoded(text: str) -> str:
    """What was said in base64. Raises _NotTold."""
    try:
        return b64decode(text.encode("ascii"), validate=True).decode("utf-8")
    except (Error, ValueError):
        raise _NotTold("not_base64") from None
