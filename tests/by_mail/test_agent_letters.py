"""The layout of mails to our own people: whatever words stand in them, every part of them can be known again."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.agent_letters import MOST_SECTION, heading_of, letter
from core.marker import above, line, place, survives
from core.notification_letter import FRENCH, WORDS, subject_of, translated
from gateway.inbound.parse import parse
from gateway.outbound.bodies import text_of_html
from tests.core.people import made

WORDS_OF_ANYBODY = st.text(max_size=200) | st.sampled_from(["##- x -##", "-##", "##", "<b>&amp;</b>", "]]>\r\n.\r\n", "<!--", "Write your answer above this line"])
SECTIONS = st.lists(st.tuples(WORDS_OF_ANYBODY, WORDS_OF_ANYBODY), max_size=4)


@settings(max_examples=120, deadline=None)
@given(lead=WORDS_OF_ANYBODY, sections=SECTIONS, says=WORDS_OF_ANYBODY, language=st.sampled_from(["en", "fr", "fr-CH", "de", ""]))
@example(lead="##- evil -##", sections=[("# x -## y", "##- Internal note by Lea -##")], says="#resolve", language="fr")
def test_any_words_keep_the_marks(lead: str, sections: list[tuple[str, str]], says: str, language: str) -> None:
    """The first mark in text and HTML is the line above which one writes, each heading stands between marks of its own, and nobody's words can make one."""
    text, html = letter(language, lead=lead, sections=sections, links=[("Take it", "https://desk.example/m/1")], says=says)
    assert text.startswith(line(language)) and above(f"Yes.\n{text}") == "Yes.\n"
    shown = text_of_html(html)
    assert place(shown) == 0 and shown.startswith(line(language))
    ours = 1 + len(sections) + 1 + bool(heading_of(says))
    for words in (text, shown):
        assert len(re.findall(r"##\s*-[^#]{0,200}-\s*##", words)) == ours
        assert survives(words)


@settings(max_examples=60, deadline=None)
@given(words=WORDS_OF_ANYBODY)
def test_html_is_inert(words: str) -> None:
    """Nothing that somebody wrote becomes a tag, an attribute or a request: no script, no image, no style sheet, and only links of ours."""
    _, html = letter("en", lead=words, sections=[(words, words)], links=[(words, "https://desk.example/m/1"), ("evil", "javascript:alert(1)"), ("cut", 'https://x/"><b>')])
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= {"html", "head", "meta", "body", "div", "p", "br", "a"}
    assert re.findall(r'href="([^"]*)"', html) == ["https://desk.example/m/1"]
    assert not re.search(r"\ssrc=|url\(|background", html)


def test_long_words_are_cut() -> None:
    """A customer's 10 MB do not go into a notification: the section ends with a sentence that says so."""
    text, html = letter("en", lead="x", sections=[("Carl", "y" * 10_000_000)], says="z")
    assert len(text) < MOST_SECTION + 500 and "cut here" in text and "cut here" in html


def test_the_html_can_be_read_in_the_dark() -> None:
    """Light and dark: no background is set, both schemes are declared, so that a dark mail program inverts nothing of ours."""
    _, html = letter("fr", lead="x", sections=[("Carl", "y")], says="z")
    assert 'name="color-scheme" content="light dark"' in html and 'lang="fr"' in html and "background" not in html


@pytest.mark.parametrize("quoted", ["> ", ""])
def test_our_own_reading_cuts_at_the_line(quoted: str) -> None:
    """An answer on top with the whole notification below, marked with `>` or not, is cut by our own reader or by the line."""
    text, _ = letter("en", lead="Carl wrote.", sections=[("Carl", "It burns.")], says="It goes to Carl")
    below = "\n".join(f"{quoted}{one}" for one in text.splitlines())
    raw = f"From: ann@demo.example\r\nTo: x@demo.example\r\nSubject: Re: x\r\n\r\nOn it.\n\n{below}\n".replace("\r\n", "\n").replace("\n", "\r\n").encode()
    mail = parse(raw)
    assert above(mail.new_text).strip() == "On it."


def test_both_languages_say_everything() -> None:
    """Every sentence stands there in both languages, with the same values, and none breaks the marks."""
    for key, (english, french) in WORDS.items():
        assert set(re.findall(r"\{(\w+)\}", english)) == set(re.findall(r"\{(\w+)\}", french)), key
        assert "##" not in english + french


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("The date it waited for has come.", "La date attendue est arrivée."),
        ("No answer came in the days given.", "Aucune réponse n’est venue dans le délai donné."),
        ("The mail could not be delivered. jo@x.example: 550 No", "Le message n’a pas pu être remis. jo@x.example: 550 No"),
        ("It is not known whether the mail to jo@x.example arrived. Send it again, or mark it.", "On ne sait pas si le message pour jo@x.example est arrivé."),
        ("Carl wrote while the mail “Hot” by ann@x.example waits to be sent.", "Carl a écrit alors que le message « Hot » de ann@x.example n’était pas encore parti."),
        ("The mail “Hot” by ann@x.example cancelled itself: Carl wrote.", "Le message « Hot » de ann@x.example s’est annulé : Carl a écrit."),
        ("Something new.", "Something new."),
    ],
)
def test_sentences_of_the_timeline_in_french(english: str, french: str) -> None:
    """What the timeline says in English is told to French people in theirs; what is not known stays as it is."""
    assert translated(english, "fr") == french and translated(english, "en") == english
    assert len(FRENCH) >= 9


@pytest.mark.parametrize("title", ["#resolve", "Re: #resolve completed", "＃resolve", "# resolve this", "a #note b"])
def test_a_title_is_no_command(title: str) -> None:
    """A customer whose subject is a command cannot make an agent's answer carry it out: the subject of a notification has none."""
    assert not re.search(r"[#＃]\s?[a-z]", subject_of(made(title=title)))
