"""An agent's own words in answers that mail programs cut and mixed in any way (Agents by mail, 2)."""

from __future__ import annotations

from html import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from core import marker
from core.agent_text import letters, own_words
from core.mail import Forwarded, Mail
from gateway.inbound.agent_html import html_saying, words_of
from gateway.inbound.plain import text_of
from gateway.inbound.sanitise import sanitise
from tests.by_mail.told import ADDRESS, ENGLISH, FRENCH, SENDER, TOKEN, Notice


def _mail(text: str, new_text: str | None = None, *, html: str = "") -> Mail:
    return Mail(in_reply_to=("x@demo.example",), subject="Re: x", text=text, new_text=text if new_text is None else new_text, html=sanitise(html) or "")


def test_words_above_the_line_are_the_agents() -> None:
    """The line cuts, also where a program wrote a header above it that nobody knows."""
    told = "\n".join(ENGLISH.lines)
    assert own_words(_mail(f"At two.\n\n{told}"), ENGLISH.text).text == "At two."
    assert own_words(_mail(f"At two.\n\n>> {SENDER} @ 2026-11-30 <{ADDRESS}> ::\n{told}"), ENGLISH.text).text == "At two."
    block = f"Von: {SENDER} <{ADDRESS}>\nGesendet: 30.11.2026\nAn: Ann\nBetreff: x"
    assert own_words(_mail(f"Reason: broken.\n\n---\n{block}\n\n{told}"), ENGLISH.text).text == "Reason: broken."


def test_words_below_a_quotation_without_marks_are_found() -> None:
    """Bottom posting in a program that marks nothing: what stands below the last line of ours. A server may have put it there, so the agent is asked."""
    words = own_words(_mail("\n".join((*ENGLISH.lines, "", "At two.", "", "-- ", "Ann"))), ENGLISH.text)
    assert words.text == "At two."
    assert "below the notification" in words.survived


def test_what_a_server_appends_is_nobodys_answer() -> None:
    """A command in the subject, no words, and a footer below the quotation: nothing is left to be sent."""
    mail = _mail("\n".join((*ENGLISH.lines, "", "This email and any attachments are confidential.", "If you are not the recipient, delete it.")), "")
    assert words_of(mail, ENGLISH.text).text == ""


def test_words_between_lines_that_nothing_marks_are_held() -> None:
    """Answers set into an unmarked quotation cannot be told for sure: the agent is asked, in their language."""
    lines = [line for line in ENGLISH.lines if line]
    words = own_words(_mail("\n".join((*lines[:6], "At two.", *lines[6:]))), ENGLISH.text, language="fr")
    assert words.text == "At two."
    assert "notification" in words.survived


def test_a_quoted_line_stays_only_if_a_customer_wrote_it() -> None:
    """Point by point: the customer's lines stay, ours go, whatever their depth."""
    quoted = "> ##- About 101203-T -##\n> Status: In Progress\n> We changed the toner already.\nGood.\n>> Can you come today, or should we send it in?\nAt two."
    words = own_words(_mail(quoted), ENGLISH.text, theirs=ENGLISH.customer)
    assert words.text == "> We changed the toner already.\nGood.\n>> Can you come today, or should we send it in?\nAt two."
    assert own_words(_mail(quoted), ENGLISH.text).text == "Good.\nAt two."


@pytest.mark.parametrize(
    ("left", "sentence"),
    [
        ("At two. ##- x", "mark"),
        ("At two.\nas the heading -## says", "mark"),
        ("At two. Write your answer above this line", "mark"),
        ("At two.\nCarl Customer wrote on 101203-T.\n", "line"),
        ("At two.\n*Process: General support*", "line"),
        (f"See https://desk.demo.example/m/{TOKEN}", "link"),
        (f"See https://safe.example/?u=https%3A%2F%2Fdesk.demo.example%2Fm%2F{TOKEN.replace('.', '%2E')}&d=1", "link"),
        (f"Write to {ADDRESS}", "link"),
    ],
)
def test_what_is_left_of_a_notification_is_held(left: str, sentence: str) -> None:
    """A mark or half of one, a line of ours, a signed link however wrapped, an address for answers."""
    assert sentence in own_words(_mail(left), ENGLISH.text, theirs=ENGLISH.customer).survived


def test_a_forward_in_answer_is_held() -> None:
    """Another mail in it may be anything."""
    mail = Mail(in_reply_to=("x",), text="FYI\n---- Forwarded ----\nsecret", new_text="FYI\n---- Forwarded ----\nsecret", forwarded=Forwarded())
    assert "hands another mail on" in own_words(mail, ENGLISH.text).survived


def test_signatures_and_phone_lines_go() -> None:
    """The desk's own signature is added; the program's stays behind, and pictures' names with it."""
    assert own_words(_mail("At two.\n\n[cid:image001.png@01D]\n-- \nAnn\nDemo Ltd"), "").text == "At two."
    assert own_words(_mail("Sent from my iPhone"), "").text == ""
    assert own_words(_mail("At two.\nEnvoyé de mon iPhone"), "").text == "At two."
    assert own_words(_mail("Sent from my side last week, it must have arrived."), "").text == ""  # one line that says it, and nothing else


def test_html_says_what_the_text_says_or_is_not_taken() -> None:
    """Formatting stays; commands, quotations and what cannot be seen go; where the two differ, there is only the text."""
    html = (
        "<div><div><b>#take</b></div><div><br></div><p title='Status: In Progress'>The <i>new</i> toner<br>comes.</p><div><img src='cid:a@b' alt='About'></div>"
        "<div>On Monday, X wrote:</div><blockquote><div>old</div></blockquote></div>"
    )
    cut = html_saying(sanitise(html) or "", "The new toner\ncomes.")
    assert cut == '<div><p>The <i>new</i> toner<br>comes.</p><div><img src="cid:a@b"></div></div>'
    assert html_saying(sanitise(html) or "", "The new toner comes tomorrow.") == ""
    assert html_saying("", "x") == html_saying("<p>x</p>", "") == ""


def test_a_link_in_html_does_not_leave() -> None:
    """A target that only the HTML has is as good as a line."""
    mail = _mail("Here.", html=f'<p><a href="https://desk.demo.example/m/{TOKEN}">Here.</a></p>')
    assert words_of(mail, ENGLISH.text).html == ""
    assert words_of(_mail("Here.", html='<p><a href="https://demo.example/">Here.</a></p>'), ENGLISH.text).html


_OWN = ("At two.", "Yes", "Regards", "Ann", "1. first", "Status?", "Thanks for your patience with the matter.", "")
_AROUND = (f"On Mon, Nov 30, 2026 at 9:12 AM {SENDER} <{ADDRESS}> wrote:", "From: x", "-----Original Message-----", "-- ", "[cid:x]", "__________", "> ", "")


def _mixtures(told: Notice) -> some.SearchStrategy[str]:
    """Lines of a notification quoted, broken, joined and cut in any way, among an agent's own."""
    lines = told.lines

    def broken(line: str, how: int, at: int) -> str:
        cut = at % (len(line) + 1)
        ways = (line, f"> {line}", f">> {line}", line[:cut], line[cut:], f"*{line}*", line.replace(" ", "\u00a0"), f"| {line} |", f"x {line}")
        return ways[how % len(ways)]

    ours = some.builds(broken, some.sampled_from(lines), some.integers(0, 8), some.integers(0, 200))
    return some.lists(ours | some.sampled_from(_OWN) | some.sampled_from(_AROUND), max_size=14).map("\n".join)


def _ours(told: Notice) -> list[str]:
    theirs = letters(told.customer)
    return [letters(line) for line in told.text.split("\n") if len("".join(line.split())) >= 20 and letters(line) not in theirs]


@settings(max_examples=50, deadline=None)
@given(some.sampled_from([ENGLISH, FRENCH]).flatmap(lambda told: some.tuples(some.just(told), _mixtures(told), _mixtures(told))))
@example((ENGLISH, "##- Write your answer above\nthis line -##\nAt two.", ""))
def test_no_mixture_lets_a_piece_through_unasked(mixed: tuple[Notice, str, str]) -> None:
    """Whatever is left of a notification: no mark, no line, no link leaves, neither in text nor in HTML."""
    told, text, new_text = mixed
    for mail in (_mail(text), _mail(text, new_text), _mail(text, html=f"<div>{escape(text)}</div>".replace("\n", "<br>"))):
        words = words_of(mail, told.text, theirs=told.customer)
        if words.survived:
            continue
        for left in (words.text, words.html, text_of(words.html)):
            assert not marker.survives(left)
            assert TOKEN not in left
            assert ADDRESS not in left
            assert not [line for line in _ours(told) if line in letters(left)]


@given(some.text(max_size=200), some.text(max_size=60))
def test_any_mail_is_read(text: str, told: str) -> None:
    """Nothing in a mail makes it fail."""
    words = words_of(_mail(text, html=f"<p>{escape(text)}</p>"), told)
    assert words.text or not words.html


def test_hostile_lines_are_not_all_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that may hold a mark cost a closer look each: of a mail full of them so many are looked at, and what is not known is held."""
    looked: list[int] = []
    survives = marker.survives
    monkeypatch.setattr(marker, "survives", lambda text: looked.append(len(text)) or survives(text))
    words = own_words(_mail("x #\n" * 20_000 + ENGLISH.text), ENGLISH.text)
    assert len(looked) < 10_000 and words.survived


def test_links_of_a_very_long_notification_are_known() -> None:
    """However much customers wrote above them."""
    told = ENGLISH.text.replace("\n", "\n" + "A long story. " * 20_000 + "\n", 1)
    assert TOKEN in told[200_000:]
    assert own_words(_mail(f"See https://desk.demo.example/m/{TOKEN}"), told).survived
