"""What kind of file something is, and why it is not handed out without asking (behaviour.md E-42)."""

from __future__ import annotations

import base64
import timeit
import zipfile

import pytest

from core.mail import Attachment
from gateway.inbound.allowed import PROGRAMS, SAFE
from gateway.inbound.attachments import Contents
from gateway.inbound.filename import EXTENSIONS, safe_name
from gateway.inbound.judging import AllowedTypes, by_name, judged
from gateway.inbound.parse import parse
from gateway.inbound.sniff import OLE, PROGRAM, SCRIPT, sniff
from tests.inbound.mails import TEXT, multipart, part
from tests.inbound.test_archives import zipped

OLE_HEAD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100
HEADS = [
    (b"%PDF-1.7", "application/pdf"),
    (b"junk\r\n%PDF-1.4", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff\xe0", "image/jpeg"),
    (b"GIF89a", "image/gif"),
    (b"RIFF\0\0\0\0WEBP", "image/webp"),
    (b"\0\0\0\x18ftypheic", "image/heic"),
    (b"\0\0\0\x18ftypisom", "video/mp4"),
    (b"MZ\x90\0", PROGRAM),
    (b"\x7fELF", PROGRAM),
    (b"MZ is how this text begins", ""),
    (b"BM is how this text begins, and it is long enough", ""),
    (b"#!/bin/sh", SCRIPT),
    (b"#!AMR\n", "audio/amr"),
    (b"L\0\0\0\1\x14\2\0", "application/x-ms-shortcut"),
    (b"{\\rtf1", "application/rtf"),
    (OLE_HEAD, OLE),
    (zipped(("a", b"b")), "application/zip"),
    (zipped(("[Content_Types].xml", b"x"), ("word/document.xml", b"x")), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (zipped(("mimetype", b"application/vnd.oasis.opendocument.text"), method=zipfile.ZIP_STORED), "application/vnd.oasis.opendocument.text"),
    (zipped(("META-INF/MANIFEST.MF", b"x")), "application/java-archive"),
    (b"\xef\xbb\xbf  <!DOCTYPE html><p>", "text/html"),
    ("\ufeff<html>".encode("utf-16-le"), "text/html"),
    (b"<!-- x --><script>", "text/html"),
    (b"<svg xmlns=''>", "image/svg+xml"),
    (b"<?xml version='1.0'?><svg>", "image/svg+xml"),
    (b"<?xml version='1.0'?><a>", "application/xml"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\7\0", "application/vnd.rar"),
    (b"\0" * 257 + b"ustar", "application/x-tar"),
    (b"BEGIN:VCALENDAR", "text/calendar"),
    (b"hello", ""),
    (b"", ""),
]


@pytest.mark.parametrize(("head", "kind"), HEADS, ids=lambda value: repr(value)[:30])
def test_sniffing(head: bytes, kind: str) -> None:
    """The first bytes tell; text tells nothing."""
    assert sniff(head[:2048]) == kind


def test_sniffing_is_cheap() -> None:
    """Also of what fits nothing: far below what a mail costs."""
    assert min(timeit.repeat(lambda: sniff(b"word " * 400), number=100, repeat=3)) / 100 < 0.000_2


def attachment(name: str, data: bytes, content_type: str = "application/octet-stream") -> tuple[bytes, Attachment]:
    coded = base64.encodebytes(data).replace(b"\n", b"\r\n")
    disposition = f'Content-Disposition: attachment; filename="{name}"'.encode()
    raw = multipart(b"mixed", TEXT, part(content_type.encode(), coded, b"Content-Transfer-Encoding: base64", disposition))
    return raw, parse(raw).attachments[0]


def danger(name: str, data: bytes, *allowed: str, content_type: str = "application/octet-stream") -> str:
    raw, one = attachment(name, data, content_type)
    return judged(Contents.in_mail(raw), (one,), allowed)[0].danger


FINE = [
    ("a.pdf", b"%PDF-1.7"),
    ("A.PDF", b"%PDF-1.7"),
    ("photo.jpg", b"\x89PNG\r\n\x1a\n"),
    ("notes.txt", b"hello"),
    ("page.txt", b"<html>"),
    ("old.doc", b"{\\rtf1"),
    ("old.xls", b"<html><table>"),
    ("letter.doc", OLE_HEAD),
    ("new.docx", zipped(("[Content_Types].xml", b"x"), ("word/document.xml", b"x"))),
    ("secret.xlsx", OLE_HEAD),
    ("some.zip", zipped(("a.pdf", b"x"), ("b/c.woff", b"x"), ("readme", b"x"))),
    ("report.final.v2.pdf", b"%PDF-1.7"),
    ("broken.pdf", b"no mark at all"),
    ("winmail.dat", b"\x78\x9f\x3e\x22"),
]


@pytest.mark.parametrize(("name", "data"), FINE)
def test_ordinary_files_are_handed_out(name: str, data: bytes) -> None:
    """With the shipped list nothing is said about what people send each other every day."""
    assert danger(name, data) == ""


DANGEROUS = [
    ("setup.exe", b"MZ\x90\0", "type .exe"),
    ("a.pdf", b"MZ\x90\0", "It is a program, although its name says .pdf"),
    ("a.txt", b"#!/bin/sh\n", "It is a program"),
    ("a.jpg", b"\x7fELF", "It is a program"),
    ("invoice.pdf.exe", b"MZ\x90\0", "ends in .pdf.exe"),
    ("invoice.pdf.js", b"x", "ends in .pdf.js"),
    ("photo.png", b"%PDF-1.7", "it is application/pdf"),
    ("a.pdf", b"<html><script>", "it is text/html"),
    ("page.html", b"<html>", "type .html"),
    ("pic.svg", b"<svg>", "type .svg"),
    ("macro.docm", zipped(("word/vbaProject.bin", b"x")), "type .docm"),
    ("macro.docx", zipped(("[Content_Types].xml", b"x"), ("word/vbaProject.bin", b"x")), "with macros"),
    ("macro.doc", OLE_HEAD + "_VBA_PROJECT".encode("utf-16-le"), "with macros"),
    ("a.zip", zipped(("d/run.exe", b"x")), "“run.exe”"),
    ("a.zip", zipped(("b.zip", zipped(("run.vbs", b"x")))), "“run.vbs”"),
    ("a.zip", zipped(("a", b"\0" * 60_000_000)), "many times its size"),
    ("a.7z", b"7z\xbc\xaf\x27\x1c", "type .7z"),
    ("a.zip", b"Rar!\x1a\7\0", "it is application/vnd.rar"),
    ("a.iso", b"\0" * 100, "type .iso"),
    ("a.dat", b"\x7fELF", "It is a program"),
    ("a.bin", b"Rar!\x1a\7\0", "it is application/vnd.rar".replace("it is", "It is")),
    ("note.one", b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "type .one"),
]


@pytest.mark.parametrize(("name", "data", "sentence"), DANGEROUS)
def test_dangerous_files_are_kept_back(name: str, data: bytes, sentence: str) -> None:
    """Each with the reason as a sentence."""
    assert sentence in danger(name, data)


def test_the_list_of_the_desk() -> None:
    """A list of its own replaces the shipped one; `*` allows every type, but no pretence and no bomb."""
    assert "type .pdf" in danger("a.pdf", b"%PDF-1.7", "docx", "txt")
    assert danger("a.html", b"<html>", ".html") == ""
    assert danger("a.exe", b"MZ\x90\0", "*.EXE") == ""
    assert danger("a.exe", b"MZ\x90\0", "*") == ""
    assert danger("a.zip", zipped(("a.exe", b"x")), "*") == ""
    assert "although its name" in danger("a.pdf", b"MZ\x90\0", "*")
    assert "pretends" in danger("a.pdf.exe", b"MZ\x90\0", "*")
    assert "many times" in danger("a.zip", zipped(("a", b"\0" * 60_000_000)), "*")
    assert danger("a.zip", zipped(("a.exe", b"x")), "zip", "exe") == ""


def test_nameless_parts() -> None:
    """What has no name goes by its content type, what has neither by its first bytes."""
    allowed = AllowedTypes(())
    assert by_name("message.eml", "message/rfc822", "", allowed) == ""
    assert by_name("README", "text/plain", "", allowed) == ""
    assert by_name("part-3.bin", "application/octet-stream", "application/pdf", allowed) == ""
    assert "no type" in by_name("README", "application/x-strange", "", allowed)


def test_the_lists_agree() -> None:
    """Nothing that runs is on the shipped list, and the names that nameless parts are given are on it, but for HTML and SVG."""
    assert not PROGRAMS & SAFE.keys()
    assert {extension for extension in EXTENSIONS.values() if extension not in SAFE} == {"html", "svg"}


NAMES = [
    ("invoice\u202efdp.exe", "invoicefdp.exe"),
    ("a\u200b\u00ad.p\u2060df", "a.pdf"),
    ("..\\..\\windows\\a.txt", "a.txt"),
    ("/etc/passwd", "passwd"),
    (".htaccess", "htaccess"),
    ("...", ""),
    ("CON", "_CON"),
    ("lpt1.txt", "_lpt1.txt"),
    ("a\x00b\nc.txt", "a_b_c.txt"),
    ("a:b|c?.txt", "a_b_c_.txt"),
    ("a.txt. . ", "a.txt"),
    ("\U000e0041a.txt", "a.txt"),
    ("é" * 300 + ".pdf", "é" * 98 + ".pdf"),
]


@pytest.mark.parametrize(("written", "safe"), NAMES)
def test_names_are_safe(written: str, safe: str) -> None:
    """No paths, no reversed text, no devices, no controls, no more than a file system takes."""
    assert safe_name(written) == safe
