"""All checks of a mail besides reading it, in one: attachments judged, viruses marked, the sender checked (`Inspect` of `inspection.py`).

A mail without attachments is not scanned: its text is shown as text or as sanitised HTML, and nothing of it can be opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.mail import Attachment, Envelope, Mail
from core.setup import Setup
from gateway.inbound.attachments import Contents
from gateway.inbound.inspection import Inspection
from gateway.inbound.judging import VIRUS, judged
from gateway.routing.authentication import Authentication

if TYPE_CHECKING:
    from gateway.inbound.scanner import Scanned

UNSCANNED = "It was not scanned for viruses: the mail is larger than the scanner takes."


@dataclass(frozen=True, slots=True)
class Inspecting:
    """The composition; `scan` and `authenticate` are None in a house without scanner, and where others receive the mail for us."""

    setup: Callable[[], Setup]
    scan: Callable[[bytes], Scanned] | None = None
    authenticate: Callable[[bytes, Mail, Envelope], Authentication | None] | None = None

    def __call__(self, raw: bytes, mail: Mail, envelope: Envelope) -> Inspection:
        """Raises NotInspected when the scanner is away: the mail waits, and no attempt is counted."""
        if mail.attachments:
            scanned = self.scan(raw) if self.scan is not None else None  # first: while it is away, looking into archives would be for nothing
            mail = replace(mail, attachments=_marked(judged(Contents.in_mail(raw), mail.attachments, self.setup().attachment_types), scanned))
        return Inspection(_shortened(mail, envelope), self.authenticate(raw, mail, envelope) if self.authenticate is not None else None)


def _marked(attachments: tuple[Attachment, ...], scanned: Scanned | None) -> tuple[Attachment, ...]:
    """One verdict for the whole mail marks all of it: which part it was about is not told."""
    if scanned is not None and scanned.virus:
        return tuple(replace(one, danger=f"{VIRUS}{scanned.virus}") for one in attachments)
    if scanned is not None and scanned.too_large:
        return tuple(replace(one, danger=one.danger or UNSCANNED) for one in attachments)
    return attachments


def _shortened(mail: Mail, envelope: Envelope) -> Mail:
    """What a person must know of a mail of which only the header was taken in."""
    if not envelope.full_size:
        return mail
    sentence = (
        f"Only the header of this mail was taken in: the whole mail ({_shown(envelope.full_size)}) is too large, or its server did not give it. "
        "It is still in the mailbox it came from, and can be read there."
    )
    return replace(mail, defects=(sentence, *mail.defects), partial=True)


def _shown(size: int) -> str:
    return f"{round(size / 1_000_000)} MB" if size >= 1_500_000 else f"{max(1, round(size / 1_000))} kB"
