"""Archives are looked into within bounds; bombs, loops and garbage cost nothing and are told."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import time
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from gateway.inbound.archives import Room, look


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def tarred(*files: tuple[str, bytes], kind: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for name, data in files:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return out.getvalue()


def test_names() -> None:
    """Of zip, tar, gzipped tar, and of archives inside."""
    inner = zipped(("c.exe", b"MZ"))
    assert look(zipped(("a.txt", b"a"), ("d/b.zip", inner))).names == ["a.txt", "d/b.zip", "c.exe"]
    long = "x" * 150 + ".exe"
    assert look(tarred(("a.txt", b"a" * 600), ("b.zip", inner), (long, b""))).names == ["a.txt", "b.zip", "c.exe", long]
    assert look(gzip.compress(tarred(("a.txt", b"a")))).names == ["a.txt"]
    assert look(zipped(("a.zip", inner), method=zipfile.ZIP_STORED)).names == ["a.zip", "c.exe"]
    assert look(b"a program in front of it" + zipped(("a.txt", b"a"))[0:0] + b"").names == []


def test_nothing_wrong_with_honest_ones() -> None:
    """Also with an empty one, and one with many files."""
    for data in (zipped(), zipped(*((f"{number}.txt", b"x") for number in range(2_000))), gzip.compress(b"x" * 1_000_000), tarred(("a", b"b"))):
        looked = look(data)
        assert (looked.wrong, looked.encrypted, looked.macros) == ([], False, False)


def test_too_deep() -> None:
    """Three levels are looked into."""
    data = zipped(("a.txt", b"a"))
    for _ in range(2):
        data = zipped(("a.zip", data))
    assert look(data).wrong == []
    assert "more than 3 deep" in look(zipped(("a.zip", data))).wrong[0]


def test_bombs() -> None:
    """By what the directory says, by what a gzip says, by files that overlap; a lie is stopped where it is unpacked."""
    said = look(zipped(("a", b"\0" * 60_000_000)))
    assert any("many times its size" in one for one in said.wrong)
    assert any("many times its size" in one for one in look(gzip.compress(b"\0" * 60_000_000)).wrong)
    entry = bytearray(zipped(("a.txt", b"a" * 10_000), method=zipfile.ZIP_STORED))
    at = entry.index(b"PK\1\2")
    directory, end = entry[at : entry.index(b"PK\5\6")], entry[entry.index(b"PK\5\6") :]
    end[8:12] = struct.pack("<HH", 50, 50)
    end[12:16] = struct.pack("<I", len(directory) * 50)
    assert any("overlap" in one for one in look(bytes(entry[:at] + directory * 50 + end)).wrong)
    lie = bytearray(zipped(("a.zip", b"\0" * 30_000_000)))
    at = lie.index(b"PK\1\2")
    lie[at + 24 : at + 28] = struct.pack("<I", 10)
    began = time.process_time()
    assert any("too large" in one for one in look(bytes(lie)).wrong)
    assert time.process_time() - began < 1.0


def test_the_archives_of_one_mail_share_a_bound() -> None:
    """A thousand small archives that each hold a large one cost no more than one of them."""
    data = zipped(("a.zip", b"\0" * 3_900_000))
    room = Room()
    began = time.process_time()
    wrong = [look(data, room).wrong for _ in range(1_000)]
    assert time.process_time() - began < 2.0
    assert (wrong[0], wrong[-1]) == ([], ["An archive inside the archive is too large to be looked into."])


def test_encrypted_and_macros() -> None:
    """The flag of one file is enough; macros are told by the name Office gives them."""
    data = bytearray(zipped(("a.txt", b"a")))
    data[data.index(b"PK\1\2") + 8] |= 1
    assert look(bytes(data)).encrypted
    assert look(zipped(("word/vbaProject.bin", b"x"))).macros


def test_many_and_damaged() -> None:
    """More files than anybody sends are counted off; a zip without directory is said to be damaged."""
    assert any("more than 10000" in one for one in look(zipped(*((str(number), b"") for number in range(10_500)), method=zipfile.ZIP_STORED)).wrong)
    assert "no directory" in look(zipped(("a", b"b"))[:20]).wrong[0]
    assert "damaged" in look(b"\x1f\x8b" + b"x" * 100).wrong[-1]


SEEDS = [zipped(("a.txt", b"hello" * 50), ("b.zip", zipped(("c", b"d")))), tarred(("a", b"b" * 700)), gzip.compress(tarred(("a", b"b")))]


@given(seed=st.sampled_from(SEEDS), at=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), max_size=20), cut=st.integers(0, 20_000))
def test_spoilt_archives_never_raise(seed: bytes, at: list[tuple[int, int]], cut: int) -> None:
    """Whatever bytes are changed or missing."""
    data = bytearray(seed[: max(1, cut % (len(seed) + 1))])
    for place, value in at:
        data[place % len(data)] = value
    look(bytes(data))
