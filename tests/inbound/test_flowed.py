"""format=flowed (RFC 3676): paragraphs are whole again before anything else looks at the text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.inbound.flowed import unflowed
from gateway.inbound.parse import parse
from tests.inbound.mails import HEAD, typed

ROWS = [
    ("a paragraph", "one two \nthree four \nfive\nsix", "one two three four five\nsix"),
    ("fixed lines stay", "one\ntwo\n\nthree", "one\ntwo\n\nthree"),
    ("stuffed lines", " From here\n  two\n >no quote", "From here\n two\n>no quote"),
    ("quotations", "> one \n> two\n>> deep \n>> er\nmine \nis this", "> one two\n> > deep er\nmine is this"),
    ("a quotation ends where the depth changes", "> one \nmine", "> one\nmine"),
    ("stuffed quotations", ">  two spaces\n> one", ">  two spaces\n> one"),
    ("empty quoted lines", "> one\n>\n> two", "> one\n>\n> two"),
    ("the signature's line", "one \n-- \nAnn", "one\n-- \nAnn"),
    ("a quoted signature's line", "> one\n> -- \n> Ann", "> one\n> -- \n> Ann"),
    ("a line of a space", "one\n \ntwo", "one\n\ntwo"),
    ("ends flowed", "one \ntwo ", "one two"),
    ("empty", "", ""),
]


@pytest.mark.parametrize(("name", "text", "wanted"), ROWS, ids=[row[0] for row in ROWS])
def test_rows(name: str, text: str, wanted: str) -> None:
    """RFC 3676 sections 4.2 to 4.5: soft breaks, quotations, stuffing, the signature's separator."""
    assert unflowed(text) == wanted


def test_delsp() -> None:
    """DelSp=yes: the space that marks the break is no part of the text, which Japanese would not forgive."""
    assert (
        unflowed("プリンターが \n動きません。\n\n>  よろしく \n> お願いします", delsp=True) == "プリンターが動きません。\n\n>  よろしくお願いします"
    )


def test_parts_that_say_so() -> None:
    """The parameters of the part decide; without them a trailing space is nothing."""
    body = b"Der Drucker \r\ngeht nicht.\r\n"
    assert parse(typed(b"text/plain; charset=utf-8; format=flowed", body)).new_text == "Der Drucker geht nicht."
    assert parse(typed(b"text/plain; charset=utf-8; Format=Flowed; DelSp=Yes", body)).new_text == "Der Druckergeht nicht."
    assert parse(typed(b"text/plain; charset=utf-8", body)).new_text.split() == ["Der", "Drucker", "geht", "nicht."]


def test_japanese_in_seven_bits() -> None:
    """DelSp in ISO-2022-JP, quoted and wrapped by its program."""
    body = "プリンターが \r\n動きません。\r\n".encode("iso-2022-jp")
    assert parse(typed(b"text/plain; charset=iso-2022-jp; format=flowed; delsp=yes", body)).new_text == "プリンターが動きません。"


def test_before_splitting() -> None:
    """The reply header that was flowed over two lines and the quotation below it are found."""
    body = b"It works.\r\n\r\nOn 3 Mar 2026, at 09:05, Sam of the Desk \r\n<desk@house.example> wrote:\r\n\r\n> Does \r\n> it?\r\n"
    mail = parse(HEAD.replace(b"Subject: s", b"Subject: Re: s") + b"Content-Type: text/plain; format=flowed\r\n\r\n" + body)
    assert mail.new_text == "It works."
    assert mail.quoted_text == "On 3 Mar 2026, at 09:05, Sam of the Desk <desk@house.example> wrote:\n\n> Does it?"


LINES = st.lists(st.text(alphabet="ab >-", max_size=12), max_size=20)


@given(LINES, st.booleans())
def test_no_letter_is_lost(lines: list[str], delsp: bool) -> None:
    """Whatever stands in the text, only spaces and quote marks change."""
    text = "\n".join(lines)
    assert [char for char in unflowed(text, delsp=delsp) if char in "ab-"] == [char for char in text if char in "ab-"]


@pytest.mark.parametrize("unit", ["word ", "word \n", "> word \n", ">", ">>>> \n", "\n", " \n", "-- \n"])
def test_time_grows_with_length_only(unit: str) -> None:
    """A paragraph of a megabyte costs four times what a quarter of it costs."""

    def cost(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        began = time.process_time()
        unflowed(text)
        return time.process_time() - began

    small = min(cost(250_000) for _ in range(3))
    assert min(cost(1_000_000) for _ in range(3)) < 10 * small + 0.05
