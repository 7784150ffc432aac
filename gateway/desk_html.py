"""HTML that people write or quote, made fit to be sent: sanitised as what comes in is, images that stand in it as files; sealing is `outbound/bodies.py`."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from core.refusal import Refused
from core.wording import clean_text
from core.writing import LONGEST_HTML
from gateway.inbound.embedded import same_id
from gateway.inbound.remote import loading
from gateway.inbound.sanitise import sanitise
from gateway.inbound.sniff import HEAD, sniff

MOST_IMAGES = 100
_DATA_IMAGE = re.compile(r"(\bsrc\s{0,3}=\s{0,3}[\"']?)data:image/(?:png|jpe?g|gif|webp);base64,([A-Za-z0-9+/=\r\n]*+)", re.IGNORECASE)
_IMAGE = re.compile(r'<img((?: [a-z-]++="[^"]*+")*+)>')
_CID = re.compile(r' src="(?i:cid:)([^"]*)"')
_REMOTE = re.compile(r' data-(?:remote-src|tracker)="[^"]*"')
_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is to be stored with a letter. `inline_id` not empty: an image of its HTML."""

    name: str
    content_type: str
    content: bytes
    source: str = ""
    inline_id: str = ""


def written(html: str, *, most: int) -> tuple[str, tuple[NewFile, ...]]:
    """HTML as a person wrote it, safe, and the images that stood in it as `data:` addresses, which it now names by `cid:`.

    Remote images stay: whoever wrote them wanted them seen; nothing is fetched here. Raises Refused for what is too long (`most` characters
    with its images) or cannot be read at a sane cost.
    """
    if len(html) > most:
        raise Refused(f"The HTML of this mail has {len(html)} characters with its images; {most} are possible. Leave out an image; nothing is lost.")
    images: dict[str, NewFile] = {}
    named = _DATA_IMAGE.sub(lambda found: found.group(1) + _as_file(found.group(2), images), html)
    if len(named) > LONGEST_HTML:
        raise Refused(f"The HTML of this mail has {len(named)} characters; {LONGEST_HTML} are possible. Attach it as a file instead.")
    safe = sanitise(clean_text(named, LONGEST_HTML))
    if safe is None:
        raise Refused("The HTML of this mail is built so that it cannot be made safe; write it as text, or paste it without formatting.")
    shown = loading(safe)
    return shown, tuple(one for one in images.values() if f"cid:{one.inline_id}" in shown)


def quotable(html: str, images: Mapping[str, str]) -> str:
    """Sanitised HTML of another's mail to be quoted: its own images by their new ids (`images`: id as compared → new one), others as their description.

    Remote images are left out, so that whoever gets the mail tells its first sender nothing by reading it; links stay.
    """
    return _IMAGE.sub(lambda tag: _carried(tag.group(), images), html)


def _carried(tag: str, images: Mapping[str, str]) -> str:
    found = _CID.search(tag)
    new = images.get(same_id(found.group(1)), "") if found is not None else ""
    return _CID.sub(f' src="cid:{new}"' if new else "", _REMOTE.sub("", tag))


def _as_file(encoded: str, images: dict[str, NewFile]) -> str:
    """The `cid:` address of an image that stood in the HTML; '' for what is none, or one too many."""
    try:
        content = b64decode("".join(encoded.split()), validate=True)
    except (Error, ValueError):
        return ""
    kind = sniff(content[:HEAD])
    digest = sha256(content).hexdigest()
    if kind not in _EXTENSIONS or (digest not in images and len(images) >= MOST_IMAGES):
        return ""
    made = images.setdefault(digest, NewFile(f"image-{len(images) + 1}.{_EXTENSIONS[kind]}", kind, content, "inline", inline_id(digest)))
    return f"cid:{made.inline_id}"


def inline_id(digest: str) -> str:
    """The Content-ID of an image, from the hash of its bytes: the same image has the same one everywhere."""
    return f"{digest[:32]}@inline"
