"""winmail.dat opened (MS-OXTNEF): the files and texts that Outlook put into one attachment; properties are `mapi.py`, packed RTF is `rtf.py`.

Linear in the size of the container, bounded in files and levels. Garbage never raises: what can be read is, and the container itself stays.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from gateway.inbound.charset import decode_text
from gateway.inbound.container import Inner, Opened
from gateway.inbound.mapi import Properties
from gateway.inbound.rtf import unpacked_rtf

_SIGNATURE = b"\x78\x9f\x3e\x22"
_MESSAGE, _ATTACHMENT = 1, 2
_BODY, _FILE_DATA, _FILE_TITLE = 0x800C, 0x800F, 0x8010
_FILE_TRANSPORT_NAME, _FILE_BEGINS, _MESSAGE_PROPERTIES, _FILE_PROPERTIES, _CODEPAGE = 0x9001, 0x9002, 0x9003, 0x9005, 0x9007
"""Attributes (MS-OXTNEF 2.1.3.2) that matter here."""
_TEXT, _RTF, _HTML, _INTERNET_CODEPAGE = 0x1000, 0x1009, 0x1013, 0x3FDE
_DISPLAY_NAME, _OBJECT, _SHORT_NAME, _LONG_NAME, _MIME_TYPE, _CONTENT_ID = 0x3001, 0x3701, 0x3704, 0x3707, 0x370E, 0x3712
"""Properties (MS-OXPROPS)."""
_OF_MESSAGE = frozenset({_TEXT, _RTF, _HTML, _INTERNET_CODEPAGE})
_OF_FILE = frozenset({_DISPLAY_NAME, _OBJECT, _SHORT_NAME, _LONG_NAME, _MIME_TYPE, _CONTENT_ID})
_MOST_ATTRIBUTES = 20_000
_MOST_FILES = 500
_TOO_MANY = f"winmail.dat holds more than {_MOST_FILES} files; the rest were not opened."
_DEEPEST = 3
_CODEPAGES = {65001: "utf-8", 1200: "utf-16-le", 20127: "us-ascii", 20866: "koi8-r", 21866: "koi8-u", 50220: "iso-2022-jp", 51932: "euc-jp", 54936: "gb18030"}


def open_tnef(data: bytes, depth: int = 1) -> Opened:
    """The files of a container, those of mails inside it too, and its text."""
    opened = Opened()
    if not data.startswith(_SIGNATURE):
        opened.defects.append("The attachment winmail.dat is not what it says; it is kept as it came.")
        return opened
    reading = _Reading(opened, depth)
    for level, name, value in _attributes(data, opened):
        reading.take(level, name, value)
    reading.end()
    return opened


def _attributes(data: bytes, opened: Opened) -> Iterator[tuple[int, int, bytes]]:
    """Level, name and value of one after another; the checksums are not asked, for a wrong one has never helped anybody."""
    at = 6
    for _ in range(_MOST_ATTRIBUTES):
        if at + 11 > len(data):
            return
        level, name, _kind, size = struct.unpack_from("<BHHI", data, at)
        if level not in (_MESSAGE, _ATTACHMENT):
            opened.defects.append("There is something else behind the files in winmail.dat; it was not read.")
            return
        if at + 9 + size > len(data):
            opened.defects.append("winmail.dat is cut off or damaged; what could be read of it was.")
        yield level, name, data[at + 9 : at + 9 + size]
        at += 11 + size


class _File:
    """One attachment under construction."""

    def __init__(self, codepage: str) -> None:
        self.properties = Properties(_OF_FILE, codepage)
        self.title = b""
        self.transport = b""
        self.data: bytes | None = None

    def name(self, codepage: str) -> str:
        texts = self.properties.texts
        given = (texts.get(_LONG_NAME), texts.get(_SHORT_NAME), *(_text(one, codepage) for one in (self.title, self.transport)), texts.get(_DISPLAY_NAME))
        return next((one.strip() for one in given if one and one.strip()), "")


class _Reading:
    """What was met so far: files, the text of the message, and the code page of plain strings."""

    def __init__(self, opened: Opened, depth: int) -> None:
        self.opened = opened
        self.depth = depth
        self.codepage = "windows-1252"
        self.body = b""
        self.message = Properties(_OF_MESSAGE, self.codepage)
        self.file: _File | None = None

    def take(self, level: int, name: int, value: bytes) -> None:
        if name == _CODEPAGE and len(value) >= 4:
            self.codepage = self.message.codepage = _charset(int.from_bytes(value[:4], "little"))
        elif name == _BODY:
            self.body = self.body or value
        elif name == _MESSAGE_PROPERTIES and level == _MESSAGE:
            self.message.read(value)
        elif name == _FILE_BEGINS:
            self._end_file()
            self.file = _File(self.codepage)
        elif level == _ATTACHMENT and _TOO_MANY not in self.opened.defects:
            self._take_of_file(name, value)

    def _take_of_file(self, name: int, value: bytes) -> None:
        if self.file is None:
            self.file = _File(self.codepage)
        if name == _FILE_TITLE:
            self.file.title = value
        elif name == _FILE_TRANSPORT_NAME:
            self.file.transport = value
        elif name == _FILE_DATA:
            self.file.data = value
        elif name == _FILE_PROPERTIES:
            self.file.properties.read(value)

    def _end_file(self) -> None:
        done, self.file = self.file, None
        if done is None or _TOO_MANY in self.opened.defects:
            return
        embedded = done.properties.octets.get(_OBJECT, b"")
        if embedded.startswith(_SIGNATURE) and self.depth < _DEEPEST:
            self._keep_all(open_tnef(embedded, self.depth + 1), done.name(self.codepage))
            return
        data = done.data if done.data is not None else embedded
        if data or done.title:
            texts = done.properties.texts
            self._keep(Inner(done.name(self.codepage), data, texts.get(_MIME_TYPE, "").lower(), texts.get(_CONTENT_ID, "").strip("<> ")))

    def _keep_all(self, inner: Opened, name: str) -> None:
        """A mail inside the mail: its text as a file, and its files."""
        for text, extension, kind in ((inner.text, "txt", "text/plain"), (inner.html, "html", "text/html")):
            if text:
                self._keep(Inner(f"{name or 'message'}.{extension}", text.encode("utf-8", "replace"), kind))
        for one in inner.files:
            self._keep(one)
        self.opened.defects.extend(inner.defects)

    def _keep(self, one: Inner) -> None:
        if len(self.opened.files) < _MOST_FILES:
            self.opened.files.append(one)
        elif _TOO_MANY not in self.opened.defects:
            self.opened.defects.append(_TOO_MANY)

    def end(self) -> None:
        self._end_file()
        octets, texts = self.message.octets, self.message.texts
        charset = _charset(self.message.numbers.get(_INTERNET_CODEPAGE, 0)) or self.codepage
        self.opened.text = texts.get(_TEXT, "") or _text(octets.get(_TEXT, b""), charset) or _text(self.body, self.codepage)
        self.opened.html = texts.get(_HTML, "") or decode_text(octets.get(_HTML, b""), charset, html=True)[0]
        rtf = unpacked_rtf(octets.get(_RTF, b""))
        if rtf:
            self._keep(Inner("message.rtf", rtf, "application/rtf"))


def _text(data: bytes, codepage: str) -> str:
    return decode_text(data.split(b"\0")[0], codepage)[0] if data else ""


def _charset(number: int) -> str:
    if number in _CODEPAGES:
        return _CODEPAGES[number]
    if 28591 <= number <= 28605:
        return f"iso-8859-{number - 28590}"
    return f"windows-{number}" if 1250 <= number <= 1258 else f"cp{number}" if number else ""
