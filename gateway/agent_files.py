"""Files of a mail by one of our people that go on to the customer: which they are, and their bytes; nothing of what we told our people is among them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from core.mail import Attachment, Mail
from core.marker import survives
from core.refusal import Refused
from core.setup import Setup
from gateway.desk_html import NewFile, inline_id, quotable
from gateway.desk_uploads import Upload, megabytes
from gateway.inbound.attachments import Contents
from gateway.inbound.embedded import referenced, same_id

SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature", "application/pgp-keys"})
"""They speak of the mail as the agent sent it, which is not the one that leaves."""
_LOOKED_AT = 2_000_000
"""Bytes of a file in which a piece of a notification is looked for."""


_ADDRESS = re.compile(r"\+a\.[0-9a-z]{8,80}\.[0-9a-z_-]{4,64}@", re.IGNORECASE)
"""The address for answers that our own mails bear."""
_TAG = re.compile(r"<[^<>]{0,500}>")
_LONG = 20


@dataclass(frozen=True, slots=True)
class Told:
    """The mail of ours that they answer: its Message-ID without brackets, and its text."""

    message_id: str = ""
    text: str = ""

    @property
    def lines(self) -> frozenset[str]:
        """What is long enough to be known again."""
        return frozenset(line for line in map(_squeezed, self.text.splitlines()) if len(line) >= _LONG)


@dataclass(frozen=True, slots=True)
class Files:
    """What goes with the answer: files, the HTML that shows some of them as images, those images; and names of what was left out."""

    uploads: tuple[Upload, ...] = ()
    html: str = ""
    images: tuple[NewFile, ...] = ()
    left_out: tuple[str, ...] = ()


def files_of(mail: Mail, html: str, piece: Callable[[Attachment], bytes], setup: Setup, told: Told) -> Files:
    """The agent's own files. `html` is what of their HTML goes on ('' = text alone).

    An image that only the quoted part shows stays behind, and so does any file with a piece of what we told them. Raises Refused for a
    virus and for more than a mail may have; other dangers are judged where the letter is made ready.
    """
    wanted = _wanted(mail)
    total = sum(one.size for one in wanted)
    if total > setup.max_mail_size:
        raise Refused(f"The files of this mail have {megabytes(total)} together, and a mail may have {megabytes(setup.max_mail_size)}. Send a link to them instead.")
    contents = Contents(piece)
    own, quoted = _shown(mail, html)
    uploads, images, ids, left_out = [], [], {}, []
    for one in wanted:
        known = same_id(one.content_id) if one.content_id else ""
        if one.inline and known and known in quoted and known not in own:
            continue
        if one.danger:
            raise Refused(f"“{one.name}” is not taken: {one.danger} Send the answer again without it.")
        content = contents.of(one)
        if not content:
            continue
        if _tells(content, told):
            left_out.append(one.name)
        elif html and known and known in own and one.sniffed.startswith("image/") and one.sniffed != "image/svg+xml":
            made = NewFile(one.name, one.sniffed, content, "inline", inline_id(sha256(content).hexdigest()))
            ids[known] = made.inline_id
            images.append(made)
        else:
            uploads.append(Upload(one.name or "file", content))
    return Files(tuple(uploads), quotable(html, ids) if html else "", tuple(images), tuple(left_out))


def _wanted(mail: Mail) -> tuple[Attachment, ...]:
    """Without signatures, and without containers whose files stand in the list themselves."""
    opened = {one.offset for one in mail.attachments if one.within}
    return tuple(one for one in mail.attachments if one.content_type.lower() not in SIGNATURES and (one.within or one.offset not in opened))


def _shown(mail: Mail, html: str) -> tuple[frozenset[str], frozenset[str]]:
    """Ids of the images that the agent's own part shows, and of those that the mail shows anywhere."""
    anywhere = referenced(mail.html)
    if html:
        return referenced(html), anywhere
    at = mail.html.find("##-")
    return (referenced(mail.html[:at]) if at >= 0 else anywhere), anywhere


def _tells(content: bytes, told: Told) -> bool:
    """Whether a file is, or holds, a piece of a mail that we sent to one of our people: its id, an address for answers, a mark, or lines of it."""
    looked = content[:_LOOKED_AT]
    for encoding in ("utf-8", "utf-16-le"):
        text = looked.decode(encoding, "ignore")
        if (told.message_id and told.message_id in text) or _ADDRESS.search(text) or survives(text):
            return True
    lines = told.lines
    return bool(lines) and any(_squeezed(line) in lines for line in looked.decode("utf-8", "ignore").splitlines())


def _squeezed(line: str) -> str:
    return "".join(_TAG.sub("", line).split()).casefold()
