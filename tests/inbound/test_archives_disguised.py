"""Archives made so that what is in them is not seen: names that programs read otherwise, something put in front, a type told by the first file."""

from __future__ import annotations

import base64
import gzip
import io
import struct
import tarfile
import time
import zipfile
import zlib

import pytest

from gateway.inbound.archives import look
from gateway.inbound.attachments import Contents
from gateway.inbound.judging import judged
from gateway.inbound.parse import parse
from tests.inbound.test_archives import zipped

PROGRAM = b"MZ\x90\x00"
EVIL = zipped(("evil.exe", PROGRAM))


def danger(name: str, data: bytes) -> str:
    """What is said of a file in a mail, by the shipped list."""
    raw = f'From: ann@acme.example\r\nContent-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'.encode()
    raw += base64.encodebytes(data)
    return judged(Contents.in_mail(raw), parse(raw).attachments, ())[0].danger


def in_an_extra_field() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        one = zipfile.ZipInfo("a.txt")
        one.extra = struct.pack("<HHBI", 0x7075, 13, 1, 0) + b"evil.exe"
        archive.writestr(one, PROGRAM)
    return out.getvalue()


def in_a_record() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        one = tarfile.TarInfo("a.txt")
        one.size, one.pax_headers = len(PROGRAM), {"path": "evil.exe"}
        archive.addfile(one, io.BytesIO(PROGRAM))
    return out.getvalue()


def named_in_gzip() -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile("evil.exe", "wb", fileobj=out) as archive:
        archive.write(PROGRAM)
    return out.getvalue()


DISGUISES = {
    "something in front of a zip": ("x.zip", b"some words before it" + EVIL),
    "something in front of a document": ("x.docx", b"x" * 5_000 + zipped(("word/vbaProject.bin", b"x"))),
    "a picture in front of a zip": ("x.zip", b"\xff\xd8\xff\xe0" + EVIL),
    "a first file that says it is no zip": ("x.doc", zipped(("mimetype", b"application/rtf"), ("word/vbaProject.bin", b"x"), method=zipfile.ZIP_STORED)),
    "a name that ends at a NUL": ("x.zip", zipped(("evil.exe_.txt", b"x")).replace(b"evil.exe_", b"evil.exe\0")),
    "a name in an extra field": ("x.zip", in_an_extra_field()),
    "a name in a record of a tar": ("x.tar", in_a_record()),
    "a name in gzip": ("x.gz", named_in_gzip()),
    "a name before .gz": ("evil.exe.gz", gzip.compress(PROGRAM)),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_is_kept_back(name: str) -> None:
    """behaviour.md E-42: however it is disguised, a program in an archive is not handed out without asking."""
    assert danger(*DISGUISES[name]) != ""


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zipped(("a.txt", b"x"))),
        ("a.odt", zipped(("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", b"x"), method=zipfile.ZIP_STORED)),
        ("a.docx", zipped(("[Content_Types].xml", b"x"), ("word/document.xml", b"x"))),
        ("a.log.gz", gzip.compress(b"x")),
        ("a.doc", b"only text, as some programs write it"),
    ],
)
def test_honest_ones_are_handed_out(name: str, data: bytes) -> None:
    """What is what it says is given without a question."""
    assert danger(name, data) == ""


def test_files_that_overlap_are_not_read_again_and_again() -> None:
    """Ten thousand files that are the same four megabytes, and unpack to nothing, take a moment."""
    blob = b"\0\0\0\xff\xff" * 800_000
    assert zlib.decompressobj(-zlib.MAX_WBITS).decompress(blob) == b""
    local = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0" + bytes(4) + struct.pack("<IIHH", len(blob), 100, 1, 0) + b"a" + blob
    entry = b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0" + bytes(4) + struct.pack("<IIH", len(blob), 100, 5) + bytes(16) + b"a.zip"
    end = b"PK\x05\x06\0\0\0\0" + struct.pack("<HHIIH", 10_000, 10_000, 10_000 * len(entry), len(local), 0)
    began = time.process_time()
    looked = look(local + 10_000 * entry + end)
    assert time.process_time() - began < 2.0
    assert looked.wrong
