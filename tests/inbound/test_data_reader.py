"""Content after DATA: where it ends, what is unstuffed, how it is bounded, in whatever pieces it comes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.inbound.data_reader import GIVE_UP_AT, DataReader, Flood
from gateway.inbound.limits import Room

MEBI = 2**20


def read(wire: bytes, cuts: list[int] | None = None, max_size: int = MEBI) -> tuple[bytes | None, bytes, str]:
    """(content or None without an end, what came after it, refusal) of a wire text fed in pieces."""
    room = Room(10 * MEBI)
    reader = DataReader(max_size, room)
    edges = [0, *sorted({cut % (len(wire) + 1) for cut in cuts or []}), len(wire)]
    rest = b""
    for begin, end in itertools.pairwise(edges):
        if reader.ended:
            rest += wire[begin:end]
        else:
            rest += reader.feed(wire[begin:end]) or b""
    content = reader.content() if reader.ended and not reader.refusal else None
    reader.release()
    assert room.free == 10 * MEBI
    return content, rest, reader.refusal


ENDS: list[tuple[bytes, bytes, bytes]] = [
    (b".\r\n", b"", b""),
    (b"a\r\n.\r\n", b"a\r\n", b""),
    (b"\r\n.\r\n", b"\r\n", b""),
    (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
    (b"a\r\n.\r\n.\r\n", b"a\r\n", b".\r\n"),
    (b"..\r\n.\r\n", b".\r\n", b""),
    (b".a\r\n..b\r\n...c\r\n.\r\n", b"a\r\n.b\r\n..c\r\n", b""),
    (b"a\r\n..\r\n..\r\n.\r\n", b"a\r\n.\r\n.\r\n", b""),
    (b"a\0b\xff\xfe\r\n.\r\n", b"a\0b\xff\xfe\r\n", b""),
]


@pytest.mark.parametrize(("wire", "content", "rest"), ENDS)
def test_ends_and_stuffing(wire: bytes, content: bytes, rest: bytes) -> None:
    """CRLF.CRLF ends the mail, one leading dot of each line goes, what follows is left alone (RFC 5321 section 4.5.2)."""
    assert read(wire) == (content, rest, "")


SMUGGLED = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r.\n",
    b"\n.\r",
    b"\n\n.\n\n",
    b"\r\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n. \r\n",
    b"\r\n \r.\r\n",
]
"""Everything that some server somewhere took for the end of a mail (SMTP smuggling, CVE-2023-51764 and its kin)."""


@pytest.mark.parametrize("fake", SMUGGLED)
def test_only_one_thing_ends_a_mail(fake: bytes) -> None:
    """A false end is content, and the commands behind it too; bare CR and LF stay as they are but for a stuffed dot."""
    wire = b"a" + fake + b"MAIL FROM:<evil@x.example>\r\n.\r\n"
    content, rest, refusal = read(wire)
    assert content == (b"a" + fake + b"MAIL FROM:<evil@x.example>\r\n").replace(b"\r\n.", b"\r\n")
    assert (rest, refusal) == (b"", "")


def test_every_cut_of_a_short_text_reads_the_same() -> None:
    """Each pair of cuts, also through the middle of the final dot, gives what one piece gives."""
    wire = b".\r.\r\n..\r\n.x\r\n.\r\n.\r\nQUIT\r\n"
    whole = read(wire)
    for cuts in itertools.combinations(range(1, len(wire)), 2):
        assert read(wire, list(cuts)) == whole


PIECES = st.lists(st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"a", b"\0", b"x" * 50]), max_size=30).map(b"".join)


@given(PIECES, st.lists(st.integers(0, 10_000), max_size=6))
def test_cuts_do_not_matter(wire: bytes, cuts: list[int]) -> None:
    """Whatever the text and wherever the network cuts it, the result is that of one piece, which is that of a plain reading."""
    whole = read(wire)
    assert read(wire, cuts) == whole
    end = (b"\r\n" + wire).find(b"\r\n.\r\n")
    if end < 0:
        assert whole[0] is None
    else:
        assert whole[0] == (b"\r\n" + wire)[: end + 2].replace(b"\r\n.", b"\r\n")[2:]
        assert whole[1] == wire[end + 3 :]


@given(st.binary(max_size=200) | PIECES, st.lists(st.integers(0, 10_000), max_size=4))
def test_what_a_client_stuffs_comes_back(mail: bytes, cuts: list[int]) -> None:
    """Stuffing by RFC 5321 and our unstuffing are inverse, for any bytes at all."""
    mail += b"\r\n"
    stuffed = (b"\r\n" + mail).replace(b"\r\n.", b"\r\n..")[2:]
    assert read(stuffed + b".\r\n", cuts)[0] == mail


@pytest.mark.parametrize("pieces", [1, 7, 1000])
@pytest.mark.parametrize(("line", "lines"), [(b"x" * 8 + b"\r\n", 100), (b".\r\n", 300), (b".x\r\n", 250)])
def test_the_limit_is_exact_and_stuffed_dots_do_not_count(line: bytes, lines: int, pieces: int) -> None:
    """A mail of just the limit is taken, one byte less in the limit refuses it (RFC 1870 section 5)."""
    mail = line * lines
    wire = b"".join(b"." + line if line.startswith(b".") else line for _ in range(lines)) + b".\r\n"
    cuts = list(range(0, len(wire), max(1, len(wire) // pieces)))
    assert read(wire, cuts, max_size=len(mail))[0] == mail
    assert read(wire, cuts, max_size=len(mail) - 1) == (None, b"", "too_big")


def test_too_big_is_read_to_its_end_but_not_held() -> None:
    """50 MB against 45 MiB: never more than the limit is held, nothing after it; what follows the dot is still found."""
    room = Room(100 * MEBI)
    reader = DataReader(45 * MEBI, room)
    block = b"x" * 78 + b"\r\n"
    chunk = block * (2**18 // len(block))
    least = room.free
    for _ in range(50_000_000 // len(chunk)):
        assert reader.feed(chunk) is None
        least = min(least, room.free)
    assert least >= 100 * MEBI - 45 * MEBI - len(chunk)
    assert (reader.refusal, room.free) == ("too_big", 100 * MEBI)
    assert reader.feed(b"\r\n.\r\nNOOP\r\n") == b"NOOP\r\n"


def test_endless_content_is_cut() -> None:
    """A client that sends on and on after its mail has become too big is not read for ever."""
    reader = DataReader(1000, Room(MEBI))
    with pytest.raises(Flood):
        for _ in range(100):
            reader.feed(b"x" * 50_000)
    assert GIVE_UP_AT * 1000 + MEBI < 100 * 50_000


def test_no_room_is_a_passing_refusal_and_gives_its_room_back() -> None:
    """Where all connections together hold too much, the next mail is refused for now and the others go on."""
    room = Room(1000)
    first, second = DataReader(900, room), DataReader(900, room)
    first.feed(b"a" * 800)
    second.feed(b"b" * 300)
    assert (first.refusal, second.refusal) == ("", "no_room")
    assert first.feed(b"\r\n.\r\n") == b"" and first.content() == b"a" * 800 + b"\r\n"
    assert second.feed(b"\r\n.\r\n") == b""
    first.release()
    second.release()
    first.release()
    assert room.free == 1000
