"""The line that says how to answer: where it stands, when it is there at all, and that quoted history does not repeat it."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.outbox import Purpose
from core.setup import Connector, MailTemplate, PlusMode, Setup
from gateway.keys import Keys
from gateway.outbound.closing import with_instructions
from gateway.outbound.compose import seal
from gateway.outbound.templates import shipped
from tests.outbound.drafts import REF, make_draft

KEYS = Keys((b"k" * 32,))
ONLY = Connector("c-support", "support", "support@demo.example", plus_addressing=PlusMode.ONLY, plus_proved=True)
LINE = shipped("reply_instructions", "en").text.strip()
FLAT = " ".join(LINE.split())
CUSTOMERS = (Purpose.ACKNOWLEDGEMENT, Purpose.NO_ANSWER, Purpose.SPLIT, Purpose.MERGED, Purpose.CASE_LAUNCHED)


def sealed(connector: Connector = ONLY, setup: Setup | None = None, ref: str = REF, **more: Any) -> Any:
    """The mail as it leaves."""
    return seal(make_draft(**more), connector, setup or Setup(name="Demo desk", connectors=(connector,)), KEYS, ref=ref)


@pytest.mark.parametrize("mode", [PlusMode.OFF, PlusMode.MIXED])
def test_only_where_answers_need_it(mode: PlusMode) -> None:
    """B-MT-07: in mode *only* alone, and only in mail about an item."""
    assert FLAT not in " ".join(sealed(replace(ONLY, plus_addressing=mode)).text.split())
    assert FLAT not in " ".join(sealed(ref="").text.split())
    assert FLAT in " ".join(sealed().text.split())


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.PERSON])
def test_automatic_mail_has_it_at_the_very_top(purpose: Purpose) -> None:
    """B-MT-07: at the top of what customers get; what tells our own people of trouble does not have it."""
    text = sealed(purpose=purpose, facts={"others": "101204-T", "failures": "no", "title": "Trouble", "name": "support"}).text
    assert text.startswith(LINE) is (purpose in CUSTOMERS)
    assert (FLAT in " ".join(text.split())) is (purpose in CUSTOMERS)


QUOTED = "On 2 March 2026, Carl wrote:\n> It burns."
PLACES = {
    "alone": ("Hello", f"Hello\n\n{LINE}"),
    "above the signature": ("Hello\n\n-- \nAnn", f"Hello\n\n{LINE}\n\n-- \nAnn"),
    "above what is quoted": (f"Hello\n\n{QUOTED}", f"Hello\n\n{LINE}\n\n{QUOTED}"),
    "above the signature above what is quoted": (f"Hello\n\n-- \nAnn\n\n{QUOTED}", f"Hello\n\n{LINE}\n\n-- \nAnn\n\n{QUOTED}"),
    "a signature that is quoted is none": (f"Hello\n\n{QUOTED}\n> -- \n> Carl", f"Hello\n\n{LINE}\n\n{QUOTED}\n> -- \n> Carl"),
    "above a forwarded mail": ("See\n\n---------- Forwarded message ----------\nFrom: Carl\n\nIt\n-- \nCarl",
                               f"See\n\n{LINE}\n\n---------- Forwarded message ----------\nFrom: Carl\n\nIt\n-- \nCarl"),
    "quotes among the words stay where they are": ("> It burns.\n\nWhere?", f"> It burns.\n\nWhere?\n\n{LINE}"),
    "nothing but a quotation": ("> It burns.", f"{LINE}\n\n> It burns."),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PLACES.values(), ids=PLACES)
def test_where_it_stands_in_a_persons_mail(text: str, expected: str) -> None:
    """B-MT-07: just above the signature, else below the author's words."""
    assert sealed(text=text).text.rstrip("\n") == expected


HTML_LINE = f'<p class="reply-instructions">{LINE.replace(chr(10), "<br>" + chr(10))}</p>'
HTML_PLACES = {
    "alone": ("<p>Hello</p>", f"<p>Hello</p>{HTML_LINE}"),
    "above the signature": ('<p>Hello</p><div class="moz-signature">-- <br>Ann</div>', f'<p>Hello</p>{HTML_LINE}<div class="moz-signature">-- <br>Ann</div>'),
    "above what is quoted": (
        '<p>Hello</p><p>Carl wrote:</p><blockquote type="cite"><div class="moz-signature">x</div></blockquote>',
        f'<p>Hello</p>{HTML_LINE}<p>Carl wrote:</p><blockquote type="cite"><div class="moz-signature">x</div></blockquote>',
    ),
    "above a forwarded mail": ("<p>See</p><p>---------- Forwarded", f"<p>See</p>{HTML_LINE}<p>---------- Forwarded"),
}


@pytest.mark.parametrize(("html", "expected"), HTML_PLACES.values(), ids=HTML_PLACES)
def test_where_it_stands_in_html(html: str, expected: str) -> None:
    """The same in HTML, and in both parts of the mail as it leaves."""
    made = sealed(text="Hello", html=html)
    assert made.html == expected
    mail = message_from_bytes(made.bytes, policy=default)
    assert all(FLAT in " ".join(part.get_content().replace("<br>", " ").split()) for part in mail.iter_parts())  # type: ignore[attr-defined]


def test_an_automatic_mail_in_html_has_it_at_the_top_of_its_body() -> None:
    """Not before the document begins."""
    own = MailTemplate("t", "acknowledgement", "en", "Thanks", "Thanks", '<html><body bgcolor="#fff"><p>Thanks</p></body></html>')
    made = sealed(setup=Setup(mail_templates=(own,)), purpose=Purpose.ACKNOWLEDGEMENT)
    assert made.html == f'<html><body bgcolor="#fff">{HTML_LINE}<p>Thanks</p></body></html>'


def test_what_is_quoted_says_it_no_second_time() -> None:
    """B-MT-07: however a mail program quoted and wrapped our own line."""
    wrapped = "> " + "\n> ".join(FLAT[at : at + 33] for at in range(0, len(FLAT), 33))
    words = FLAT.split()
    folded = ">> " + " ".join(words[:7]) + "\n>> " + " ".join(words[7:])
    for quoted in (f"> {FLAT}", "\n".join(f"> {one}" for one in LINE.split("\n")), folded):
        text = sealed(text=f"Hello\n\nCarl wrote:\n> Yes.\n{quoted}\n> Bye").text
        assert " ".join(text.replace(">", " ").split()).count(FLAT) == 1, quoted
        assert "> Yes." in text and "> Bye" in text
    assert "Yes" in sealed(text=f"Hello\n\nCarl wrote:\n> Yes.\n{wrapped}").text
    html = sealed(text="x", html=f'<p>Hello</p><blockquote type="cite"><div>{FLAT}</div><p>Yes</p></blockquote>').html
    assert " ".join(html.replace("<br>", " ").split()).count(FLAT) == 1 and "<p>Yes</p>" in html


def test_the_administrators_own_line() -> None:
    """B-MT-07: one template for it, in each language; in the language of the mail, else the desk's."""
    own = (MailTemplate("t1", "reply_instructions", "en", "", "Answer {{ item.ref }} here."), MailTemplate("t2", "reply_instructions", "fr", "", "Ici !", "<b>Ici</b>"))
    setup = Setup(name="Demo desk", mail_templates=own, connectors=(ONLY,))
    assert sealed(setup=setup, text="Hello").text.strip() == f"Hello\n\nAnswer {REF} here."
    made = sealed(setup=setup, text="Bonjour", html="<p>Bonjour</p>", language="fr")
    assert (made.text.strip(), made.html) == ("Bonjour\n\nIci !", '<p>Bonjour</p><p class="reply-instructions"><b>Ici</b></p>')


@given(some.text(alphabet="a\n>- :<p/\"blockquote", max_size=200), some.text(alphabet="a<>/p blockquotetype=\"cite-\n", max_size=200))
def test_once_whatever_stands_around_it(text: str, html: str) -> None:
    """Property: exactly once in each part, sealing what was sealed changes nothing, and nothing else is lost."""
    setup = Setup(name="Demo desk", connectors=(ONLY,))
    draft = make_draft()
    once = with_instructions(draft, ONLY, setup, REF, text, html, language="en")
    assert once[0].count(LINE) == 1 and once[1].count('class="reply-instructions"') == bool(html)
    again = with_instructions(draft, ONLY, setup, REF, *once, language="en")
    assert again[0].count(LINE) == 1 and again[1].count('class="reply-instructions"') == bool(html)
    assert once[0].replace(LINE, "").split() == text.split()
