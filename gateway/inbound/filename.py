"""Names of attachments that are safe to show, to save and to send on; which parameter they come from is told here too."""

from __future__ import annotations

import re
from urllib.parse import unquote

from gateway.inbound.words import decode

_BIDI_AND_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f-\x9f]')
_FILE = re.compile(r"[^:@]{1,120}\.[A-Za-z0-9]{1,5}")
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))})
_LONGEST = 200

EXTENSIONS = {
    "application/gzip": "gz",
    "application/ics": "ics",
    "application/json": "json",
    "application/ms-tnef": "dat",
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/pgp-encrypted": "asc",
    "application/pgp-signature": "asc",
    "application/pkcs7-mime": "p7m",
    "application/pkcs7-signature": "p7s",
    "application/rtf": "rtf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/x-pkcs7-mime": "p7m",
    "application/x-pkcs7-signature": "p7s",
    "application/x-zip-compressed": "zip",
    "application/xml": "xml",
    "application/zip": "zip",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/jpg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tif",
    "image/webp": "webp",
    "message/delivery-status": "txt",
    "message/disposition-notification": "txt",
    "message/feedback-report": "txt",
    "message/global": "eml",
    "message/global-delivery-status": "txt",
    "message/global-headers": "txt",
    "message/rfc822": "eml",
    "text/calendar": "ics",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
    "text/rfc822-headers": "txt",
    "text/richtext": "rtx",
    "text/vcard": "vcf",
    "text/x-vcard": "vcf",
    "text/xml": "xml",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}
"""File extensions for parts that have no name; our own table, for the machine's differs from machine to machine."""

FIXED = {
    "message/rfc822": "message.eml",
    "message/global": "message.eml",
    "message/delivery-status": "delivery-status.txt",
    "message/global-delivery-status": "delivery-status.txt",
}
"""Nameless parts that have a name of their own."""


def part_name(disposition: dict[str, str], parameters: dict[str, str], content_type: str, index: int, location: bytes = b"") -> str:
    """A safe name for a part: RFC 2231 before plain, Content-Disposition before Content-Type, then the file that Content-Location names (RFC 2557).

    A part that has none of them is called `part-<index>.<ext>`.
    """
    for given, key in ((disposition, "filename"), (parameters, "name"), (parameters, "filename")):
        extended = given.get(key + "*", "")
        plain = given.get(key, "")
        name = safe_name(extended) or (safe_name(_unquoted(decode(plain.encode("latin-1", "replace")))) if plain else "")
        if name:
            return name
    return FIXED.get(content_type) or _located(location) or f"part-{index}.{EXTENSIONS.get(content_type, 'bin')}"


def is_named(disposition: dict[str, str], parameters: dict[str, str]) -> bool:
    """Whether the sender gave the part a name."""
    return any(given.get(key) for given, key in ((disposition, "filename"), (disposition, "filename*"), (parameters, "name"), (parameters, "name*")))


def _unquoted(name: str) -> str:
    """Without the single quotes that some scripts put around a whole name."""
    return name[1:-1] if len(name) > 2 and name[0] == name[-1] == "'" else name


def _located(location: bytes) -> str:
    """The file in a Content-Location, '' where its last piece does not look like one (`cid:x`, a page's address)."""
    address = decode(location.strip()).partition("?")[0].partition("#")[0]
    if "/" not in address.partition("://")[2] and "://" in address:
        return ""
    name = safe_name(unquote(address.replace("\\", "/").rpartition("/")[2]))
    return name if _FILE.fullmatch(name) else ""


def safe_name(name: str) -> str:
    """The last piece of a path without controls, direction marks and what file systems forbid; '' if nothing is left."""
    if not name.isascii():
        name = _BIDI_AND_INVISIBLE.sub("", name)
    name = name.replace("\\", "/").rpartition("/")[2]
    name = _FORBIDDEN.sub("_", name).strip(" .\t")
    if name.partition(".")[0].lower() in _RESERVED:
        name = "_" + name
    return _shortened(name) if len(name) > _LONGEST // 4 else name


def _shortened(name: str) -> str:
    """At most 200 bytes of UTF-8 (file systems allow 255), the extension kept."""
    if len(name.encode("utf-8")) <= _LONGEST:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 16:
        stem, dot, extension = name, "", ""
    room = _LONGEST - len((dot + extension).encode("utf-8"))
    return stem.encode("utf-8")[:room].decode("utf-8", "ignore").rstrip() + dot + extension
