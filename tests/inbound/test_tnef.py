"""winmail.dat is opened: its files become attachments, its text the mail's, and nothing in it can do harm."""

from __future__ import annotations

import base64
import logging
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.mail import Attachment, Mail
from gateway.inbound.attachments import Contents
from gateway.inbound.parse import parse
from gateway.inbound.rtf import unpacked_rtf
from gateway.inbound.tnef import open_tnef
from tests.inbound.mails import TEXT, multipart, part

FOLDER = Path(__file__).parents[3] / "shared" / "corpus" / "tnef"
FILES = sorted(FOLDER.glob("*.tnef")) if FOLDER.is_dir() else []
WANTED = {
    "bad_checksum": ["image001.png"],
    "data-before-name": ["AUTOEXEC.BAT", "CONFIG.SYS", "boot.ini", "message.rtf"],
    "duplicate_filename": ["file_abcdefgh.txt", "file_abcdefgh.txt", "VIA_Nytt_14021.htm", "message.rtf"],
    "garbage-at-end": [],
    "minimal_attachment": ["part-1.bin"],
    "missing-filenames": ["generpts.src", "TechlibDEC99.doc", "TechlibDEC99-JAN00.doc", "TechlibNOV99.doc", "message.rtf"],
    "one-file": ["AUTHORS"],
    "rtf": ["message.rtf"],
    "triples": ["message.rtf"],
    "unicode-mapi-attr-name": ["spaconsole2.cfg", "image001.png", "image002.png", "image003.png"],
}


def attribute(level: int, name: int, value: bytes) -> bytes:
    """One attribute with its checksum."""
    return struct.pack("<BHHI", level, name, 0, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def properties(*pairs: tuple[int, int, bytes]) -> bytes:
    """A property list of counted values: type, id, octets."""
    out = struct.pack("<I", len(pairs))
    for kind, name, value in pairs:
        out += struct.pack("<HHII", kind, name, 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return out


def container(*attributes: bytes) -> bytes:
    return b"\x78\x9f\x3e\x22\x01\x00" + b"".join(attributes)


def file(name: bytes, data: bytes) -> bytes:
    return attribute(2, 0x9002, b"\0" * 14) + attribute(2, 0x8010, name + b"\0") + attribute(2, 0x800F, data)


def mailed(data: bytes, *others: bytes) -> bytes:
    """A mail with this winmail.dat."""
    coded = part(b"application/ms-tnef; name=winmail.dat", base64.encodebytes(data).replace(b"\n", b"\r\n"), b"Content-Transfer-Encoding: base64")
    return multipart(b"mixed", *others, coded)


def bytes_of(raw: bytes, one: Attachment) -> bytes:
    return Contents.in_mail(raw).of(one)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_of_the_corpus(path: Path) -> None:
    """Every container found in the world is opened: the container first, then its files, each with its bytes."""
    data = path.read_bytes()
    raw = mailed(data)
    found = parse(raw)
    assert found.attachments[0].name == "winmail.dat"
    assert [one.name for one in found.attachments[1:]] == WANTED[path.stem]
    assert [one.within for one in found.attachments[1:]] == [f"tnef:{number}" for number in range(1, len(found.attachments))]
    contents = Contents.in_mail(raw)
    assert contents.of(found.attachments[0]) == data
    assert [len(contents.of(one)) for one in found.attachments[1:]] == [one.size for one in found.attachments[1:]]


@pytest.mark.parametrize("path", [path for path in FILES if path.stem != "duplicate_filename"], ids=lambda path: path.stem)
def test_another_reader_finds_the_same_files(path: Path) -> None:
    """tnefparse agrees on the names and bytes (of the file left out it loses the end)."""
    logging.disable(logging.CRITICAL)
    try:
        theirs = pytest.importorskip("tnefparse").TNEF(path.read_bytes())
    finally:
        logging.disable(logging.NOTSET)
    ours = [one for one in open_tnef(path.read_bytes()).files if one.name != "message.rtf"]
    assert [(one.name, one.data) for one in ours] == [(one.long_filename(), bytes(one.data)) for one in theirs.attachments]


def test_its_text_is_the_mails_where_there_is_none() -> None:
    """HTML is sanitised, its text is read; a mail with a text of its own keeps that."""
    data = container(attribute(1, 0x9003, properties((0x1F, 0x1013, "<p>Gruß<script>x</script></p>".encode("utf-16-le")))))
    found = parse(mailed(data))
    assert (found.html, found.text.strip()) == ("<p>Gruß</p>", "Gruß")
    assert parse(mailed(data, TEXT)).text.strip() == "hello"


def test_plain_text_in_its_code_page() -> None:
    """The OEM code page says how plain strings are to be read."""
    data = container(attribute(1, 0x9007, struct.pack("<II", 1251, 0)), attribute(1, 0x800C, "Привет".encode("cp1251") + b"\0"))
    assert parse(mailed(data)).text.strip() == "Привет"


def test_images_in_its_html_are_inline() -> None:
    """An image that the HTML inside shows by its id is no attachment to speak of."""
    image = attribute(2, 0x9002, b"\0" * 14) + attribute(2, 0x800F, b"\x89PNG\r\n\x1a\n") + attribute(2, 0x9005, properties((0x1E, 0x3712, b"logo@x\0")))
    html = attribute(1, 0x9003, properties((0x102, 0x1013, b'<img src="cid:logo@x">')))
    (_, one) = parse(mailed(container(html, image))).attachments
    assert (one.inline, one.sniffed, one.content_id) == (True, "image/png", "logo@x")


def test_names_are_safe() -> None:
    """Paths, direction marks, devices."""
    data = container(*(file(name, b"x") for name in (b"../../etc/passwd", b"C:\\a\\b.txt", b"con.txt", b"")))
    assert [one.name for one in parse(mailed(data)).attachments[1:]] == ["passwd", "b.txt", "_con.txt", "part-4.bin"]


def test_a_mail_in_the_mail() -> None:
    """An attached message gives its files and its text as a file, three levels deep and no deeper."""
    inner = container(attribute(1, 0x800C, b"inner text\0"), file(b"a.txt", b"a"))
    for _ in range(5):
        inner = container(attribute(2, 0x9002, b"\0" * 14), attribute(2, 0x9005, properties((0x0D, 0x3701, b"\0" * 16 + inner))))
    shallow = open_tnef(container(attribute(2, 0x9002, b"\0" * 14), attribute(2, 0x9005, properties((0x0D, 0x3701, b"\0" * 16 + container(file(b"a.txt", b"a")))))))
    assert [one.name for one in shallow.files] == ["a.txt"]
    assert [one.data[:4] for one in open_tnef(inner).files] == [b"\x78\x9f\x3e\x22"]


def test_packed_rich_text() -> None:
    """The example of the format's own description."""
    packed = bytes.fromhex("2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0")
    assert unpacked_rtf(packed) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


def test_bounds() -> None:
    """Thousands of files are counted off; a container of millions of attributes costs no more than its size."""
    many = open_tnef(container(*[file(b"a", b"x")] * 700))
    assert len(many.files) == 500
    assert any("more than 500" in defect for defect in many.defects)
    began = time.process_time()
    open_tnef(container(*[attribute(1, 0x1234, b"")] * 180_000))
    assert time.process_time() - began < 2.0


def test_garbage_stays_whole() -> None:
    """What only says that it is one is kept as it came, and the mail says so."""
    found = parse(mailed(b"no tnef at all", TEXT))
    assert [one.name for one in found.attachments] == ["winmail.dat"]
    assert any("not what it says" in defect for defect in found.defects)


SEEDS = [path.read_bytes()[:20_000] for path in FILES] or [container(file(b"a.txt", b"hello"))]


@settings(max_examples=150, deadline=None)
@given(seed=st.sampled_from(SEEDS), at=st.lists(st.tuples(st.integers(0, 19_999), st.integers(0, 255)), max_size=30), cut=st.integers(0, 20_000))
def test_mutated_containers_never_raise(seed: bytes, at: list[tuple[int, int]], cut: int) -> None:
    """Whatever bytes are spoilt or missing: a mail with the container in it, whole."""
    data = bytearray(seed[:cut] if cut > 10 else seed)
    for place, value in at:
        data[place % len(data)] = value
    raw = mailed(bytes(data))
    found: Mail = parse(raw)
    contents = Contents.in_mail(raw)
    assert contents.of(found.attachments[0]) == bytes(data)
    assert all(len(contents.of(one)) == one.size for one in found.attachments if one.within)


def test_a_million_strings_cost_nothing() -> None:
    """Properties that nobody asks for are not decoded, whatever charset they claim, and none is decoded twice."""
    several = struct.pack("<IHHI", 1, 0x101E, 0x3001, 300_000) + (struct.pack("<I", 1) + b"\xe9\0\0\0") * 300_000
    began = time.process_time()
    open_tnef(container(attribute(1, 0x9007, struct.pack("<II", 99_999, 0)), attribute(1, 0x9003, several)))
    assert time.process_time() - began < 2.0


def test_the_files_of_all_containers_share_a_bound() -> None:
    """A mail of many small containers gives no more attachments than one of a large one, keeps all of itself, and says so."""
    one = container(*(file(b"a.txt", b"x") for _ in range(300)))
    mail = parse(multipart(b"mixed", *(part(b"application/ms-tnef", one) for _ in range(20))))
    assert sum(bool(found.within) for found in mail.attachments) == 1_000
    assert mail.partial
    assert any("more than 1000 files" in said for said in mail.defects)
