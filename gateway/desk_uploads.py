"""Files that people give us, looked at before they are kept: name, size, type and what is in them, by the same rules as files that come in."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from core.mail import Attachment
from core.refusal import Refused
from core.setup import Setup
from core.wording import clean_line
from gateway.desk_html import NewFile
from gateway.inbound.attachments import Contents
from gateway.inbound.filename import EXTENSIONS, safe_name
from gateway.inbound.judging import extension_of, judged
from gateway.inbound.sniff import HEAD, sniff

_TYPES = {extension: kind for kind, extension in reversed(EXTENSIONS.items())} | {"eml": "message/rfc822", "txt": "text/plain", "jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as a person gives it: what they call it, and its bytes."""

    name: str
    content: bytes


def looked_at(upload: Upload, setup: Setup, *, anyway: bool) -> NewFile:
    """The file as it may be kept. Raises Refused for an empty one, one that is too large, and for a dangerous one unless `anyway` (E-42, C-CO-10)."""
    name = safe_name(clean_line(upload.name, 1_000)) or "file"
    if not upload.content:
        raise Refused(f"“{name}” is empty; nothing was stored.")
    if len(upload.content) > setup.max_file_size:
        size, most = megabytes(len(upload.content)), megabytes(setup.max_file_size)
        raise Refused(f"“{name}” has {size}; a file may have {most} (max_file_size in the desk file). Nothing was stored: make it smaller, or send a link to it.")
    kind = _type(name, upload.content)
    found = Attachment(name, kind, 0, len(upload.content), "", len(upload.content), sha256(upload.content).hexdigest(), sniffed=sniff(upload.content[:HEAD]))
    danger = judged(Contents(lambda _one: upload.content), (found,), setup.attachment_types)[0].danger
    if danger and not anyway:
        raise Refused(f"“{name}” is not taken: {danger} If you know what it is and want it all the same, ask for it with --anyway.")
    return NewFile(name, kind, upload.content)


def megabytes(size: int) -> str:
    """A size as people read it."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{max(size / 1e3, 0.1):.1f} kB"


def _type(name: str, content: bytes) -> str:
    """By the first bytes where they tell, else by the name: our own table, for the machine's differs from machine to machine."""
    by_name = _TYPES.get(extension_of(name, ""), "")
    return by_name or sniff(content[:HEAD]) or "application/octet-stream"
