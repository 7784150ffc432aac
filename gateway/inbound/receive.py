"""Mails from a pipe (`guichet receive`) and from files (`guichet import eml`): their envelope and what the caller is told; storing is `intake.py`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import BinaryIO

from gateway.inbound.intake import Intake
from gateway.inbound.port import Answer, Arrival, Refused, Stored, TryLater

EX_OK = 0
EX_TEMPFAIL = 75
EX_UNAVAILABLE = 69
EXIT_CODES: dict[str, int] = {"5.1.1": 67, "5.3.4": 65}
"""Enhanced status of a refusal → exit code of sysexits.h: EX_NOUSER, EX_DATAERR. Any of 64 to 78 but 75 makes an MTA bounce."""

HEADER_LIMIT = 256 * 2**10
FIELD_LIMIT = 2000
IN_FLIGHT = 50
IN_FLIGHT_BYTES = 32 * 2**20


def read_mail(stream: BinaryIO, max_size: int) -> bytes:
    """What stands on a stream; one byte more than `max_size` at most, which is enough for the intake to refuse it."""
    return stream.read(max_size + 1)


def receive(
    intake: Intake, raw: bytes, *, sender: str | None = None, recipients: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Answer:
    """Store one mail from a pipe. `sender` ('' is the null sender) and `recipients` are those of the command line, if it gave any.

    Without them the environment of the MTA is believed (Postfix local(8), Exim, qmail), then the mail's own Return-Path. A recipient
    that only the environment names and nobody knows is left to the mail's headers; one of the command line is refused (5.1.1).
    """
    environ = environ or {}
    raw = without_mbox_line(raw)
    if recipients and not any(intake.knows(recipient) for recipient in recipients):
        return Refused("5.1.1", "No such address here")
    found = tuple(recipients) or tuple(filter(None, [environment_recipient(intake, environ)]))
    if any(map(intake.rests, found)):
        return TryLater("the mailbox is switched off")
    if sender is None:
        sender = environ.get("SENDER", environ.get("RETURN_PATH"))
    origin = header_sender(raw) if sender is None else without_null_sender(sender)
    return intake.accept(Arrival(raw, "pipe", intake.clock.now(), origin, found))


def exit_code(answer: Answer) -> int:
    """What the process says to the MTA: 0 stored, 75 try later, else a bounce is wanted."""
    if isinstance(answer, Stored):
        return EX_OK
    return EXIT_CODES.get(answer.status, EX_UNAVAILABLE) if isinstance(answer, Refused) else EX_TEMPFAIL


def last_line(answer: Answer) -> str:
    """The one line for stderr, '' when stored. An MTA quotes it to the sender, so a passing fault keeps its words to itself."""
    if isinstance(answer, Refused):
        return f"{answer.status} {answer.reason}"
    return "4.3.0 A passing fault, please try again later" if isinstance(answer, TryLater) else ""


def import_eml(intake: Intake, paths: Iterable[Path], *, archive: bool = False) -> Iterator[tuple[Path, Answer]]:
    """Store mails from files; folders are walked for `*.eml`, in order of name. Answers come in order, several mails share a commit.

    With `archive` nothing automatic is ever sent about them. Raises OSError for a file that cannot be read; what was answered is stored.
    """
    waiting: deque[tuple[Path, int, Future[Answer]]] = deque()
    in_flight = 0
    for path in _files(paths):
        raw = without_mbox_line(_read_file(path, intake.max_size))
        while waiting and (len(waiting) >= IN_FLIGHT or in_flight + len(raw) > IN_FLIGHT_BYTES):
            done, size, future = waiting.popleft()
            in_flight -= size
            yield done, future.result()
        waiting.append((path, len(raw), intake.submit(Arrival(raw, "eml", intake.clock.now(), header_sender(raw), archive=archive))))
        in_flight += len(raw)
        del raw
    for done, _, future in waiting:
        yield done, future.result()


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.suffix.lower() == ".eml" and found.is_file())
        else:
            yield path


def _read_file(path: Path, max_size: int) -> bytes:
    with path.open("rb") as file:
        return read_mail(file, max_size)


def without_null_sender(sender: str) -> str:
    """The address without brackets; '' for the null sender, which Postfix writes as MAILER-DAEMON (pipe(8), null_sender)."""
    address = without_brackets(sender)
    return "" if address.upper() == "MAILER-DAEMON" else address


def environment_recipient(intake: Intake, environ: Mapping[str, str]) -> str:
    """The first recipient of the environment that is ours, before or after the MTA's aliases; '' if none is."""
    for name in ("ORIGINAL_RECIPIENT", "RECIPIENT"):
        address = without_brackets(environ.get(name, ""))
        tagged = _with_extension(address, environ.get("EXTENSION", ""))
        for candidate in (tagged, address):
            if candidate and intake.knows(candidate):
                return candidate
    return ""


def _with_extension(address: str, extension: str) -> str:
    """The plus-tag that the MTA has split off, put back."""
    local, at, domain = address.rpartition("@")
    return f"{local}+{extension}@{domain}" if extension and at and "+" not in local else address


def without_brackets(address: str) -> str:
    """`<a@b>` → `a@b`."""
    address = address.strip()
    return address[1:-1] if address.startswith("<") and address.endswith(">") else address


def without_mbox_line(raw: bytes) -> bytes:
    """The mail without the `From ` line that mbox writers and some pipes put before it: an envelope, not a header."""
    return raw[raw.find(b"\n") + 1 :] if raw.startswith((b"From ", b">From ")) and b"\n" in raw[:FIELD_LIMIT] else raw


def header_sender(raw: bytes) -> str:
    """The envelope sender as the mail itself tells it: Return-Path (`<>` is the null sender), else From, which is never null."""
    head = raw[:HEADER_LIMIT]
    returned = header_field(head, b"return-path:")
    if returned is not None:
        return without_null_sender(returned)
    from gateway.inbound.address import read_addresses  # brings a mail parser, which a pipe hook seldom needs

    found, _ = read_addresses(header_field(head, b"from:") or "", 1)
    return found[0].address if found else ""


def header_of(raw: bytes) -> bytes:
    """The header with the empty line that ends it, or all there is; line ends may be of either kind."""
    ends = [place + len(end) for end in (b"\n\n", b"\n\r\n") if (place := raw.find(end)) >= 0]
    return raw[: min(ends)] if ends else raw


def header_field(head: bytes, name: bytes) -> str | None:
    """The value of the first field of that name, unfolded, or None."""
    lines = iter(head.split(b"\n"))
    for line in lines:
        if not line.rstrip(b"\r"):
            return None
        if line[: len(name)].lower() == name:
            value = line[len(name) :].strip()
            for more in lines:
                if not more.startswith((b" ", b"\t")):
                    break
                value += b" " + more.strip()
            return value[:FIELD_LIMIT].decode("utf-8", "replace")
    return None
