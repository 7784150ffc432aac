"""What kind of file some first bytes are, by their marks; whether that is welcome is told in `allowed.py`."""

from __future__ import annotations

import re

HEAD = 2_048
"""Decoded octets that are looked at."""

PROGRAM = "application/x-executable"
SCRIPT = "text/x-script"
OLE = "application/x-ole-storage"
ZIP = "application/zip"

_MARKS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\1\0", "image/x-icon"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\xd7\xcd\xc6\x9a", "image/wmf"),
    (0, b"\1\0\0\0\x58\0\0\0", "image/emf"),
    (0, b"MZ", PROGRAM),
    (0, b"\x7fELF", PROGRAM),
    (0, b"\xfe\xed\xfa\xce", PROGRAM),
    (0, b"\xfe\xed\xfa\xcf", PROGRAM),
    (0, b"\xce\xfa\xed\xfe", PROGRAM),
    (0, b"\xcf\xfa\xed\xfe", PROGRAM),
    (0, b"\xca\xfe\xba\xbe", PROGRAM),
    (0, b"dex\n", PROGRAM),
    (0, b"\0asm", PROGRAM),
    (0, b"L\0\0\0\1\x14\2\0", "application/x-ms-shortcut"),
    (0, b"ITSF", "application/vnd.ms-htmlhelp"),
    (0, b"MSCF", "application/vnd.ms-cab-compressed"),
    (0, b"#!", SCRIPT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "application/onenote"),
    (0, b"PK\3\4", ZIP),
    (0, b"PK\5\6", ZIP),
    (0, b"PK\7\x08", ZIP),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\7", "application/vnd.rar"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"\x60\xea", "application/x-arj"),
    (2, b"-lh", "application/x-lha"),
    (257, b"ustar", "application/x-tar"),
    (0, b"xar!", "application/x-xar"),
    (0, b"conectix", "application/x-virtual-disk"),
    (0, b"vhdxfile", "application/x-virtual-disk"),
    (0, b"KDMV", "application/x-virtual-disk"),
    (0, b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (0, b"!BDN", "application/vnd.ms-outlook-pst"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"%!PS", "application/postscript"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x1aE\xdf\xa3", "video/x-matroska"),
    (0, b"FLV\1", "video/x-flv"),
    (0, b"CWS", "application/x-shockwave-flash"),
    (0, b"FWS", "application/x-shockwave-flash"),
    (0, b"\0\0\1\xba", "video/mpeg"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"BEGIN:VCALENDAR", "text/calendar"),
    (0, b"BEGIN:VCARD", "text/vcard"),
    (0, b"-----BEGIN PGP", "application/pgp"),
    (0, b"-----BEGIN CERTIFICATE", "application/x-pem-file"),
)
"""Offset, mark, type."""
_LONGEST_FIRST = tuple(sorted(_MARKS, key=lambda row: -len(row[1])))
_FTYP = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heic", b"avif": "image/avif", b"qt  ": "video/quicktime", b"M4A ": "audio/mp4"}
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_OFFICE = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
    (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
)
_DECLARED = re.compile(rb"mimetype(application/(?:vnd\.oasis\.opendocument|epub)[a-z0-9.+-]{0,80})")
"""What else writes such a first file pretends to be something that is no zip, so that nobody looks into it."""
_MARKUP = re.compile(rb"\s{0,200}(?:<!--.{0,400}?-->\s{0,200})?<(\?xml|!doctype html|html|head|body|script|svg|iframe|meta|hta)\b", re.IGNORECASE | re.DOTALL)
_SVG = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def sniff(head: bytes) -> str:
    """The type that the first octets of a file tell, '' where they tell none (plain text tells none)."""
    for offset, mark, kind in _LONGEST_FIRST:
        if head.startswith(mark, offset):
            return _zipped(head) if kind == ZIP else _bitmap(head) if kind == "image/bmp" else _program(head) if mark == b"MZ" else kind
    if head[4:8] == b"ftyp":
        return _FTYP.get(head[8:12], "video/mp4")
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "")
    if b"%PDF-" in head[:1024]:
        return "application/pdf"  # readers of PDF forgive what stands before it
    return _markup(head)


def _zipped(head: bytes) -> str:
    """Documents are zip files; the first names in them tell which."""
    declared = _DECLARED.search(head[:200])
    if declared:
        return declared.group(1).decode("ascii")
    return next((kind for mark, kind in _OFFICE if mark in head), ZIP)


def _bitmap(head: bytes) -> str:
    """Two letters are no proof: the header's size must be one of those there are."""
    return "image/bmp" if head[14:18] in (b"\x0c\0\0\0", b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0") else ""


def _program(head: bytes) -> str:
    """Two letters are no proof of a program either, but what begins so and is no text is treated as one."""
    return "" if len(head) > 8 and head.isascii() and b"\0" not in head else PROGRAM


def _markup(head: bytes) -> str:
    for bom in _BOMS:
        if head.startswith(bom):
            head = head[len(bom) :].replace(b"\0", b"")
            break
    found = _MARKUP.match(head)
    if not found:
        return ""
    name = found.group(1).lower()
    if name == b"svg" or (name == b"?xml" and _SVG.search(head)):
        return "image/svg+xml"
    return "application/xml" if name == b"?xml" else "text/html"
