"""Shapes of answers between those that mail programs write by the book: headers in one line, between dashes, wrapped, behind somebody's words."""

from __future__ import annotations

import time

import pytest

from gateway.inbound.content import lines_of, split
from gateway.inbound.parse import parse

WORDS = "The scanner hums again.\nMany thanks\nPia"
CUT = {
    "all fields in one line": "Date: Tue, 3 Mar 2026 09:05:00 +0000 From: sam@x.example To: Pia Lund Subject: scanner\n\nDoes it hum?",
    "header between dashes": "------On 03/03/2026 09:05, Sam Hill wrote-----\n\nDoes it hum?",
    "zoho": "---- On Tue, 03 Mar 2026 09:05:11 +0100 sam@x.example wrote ----\n\nDoes it hum?",
    "words between dashes": "-------- Oprindelig besked --------\nFra: Sam <sam@x.example>\nDato: 03.03.2026 09.05\nTil: pia@y.example\nEmne: scanner",
    "antwort nachricht": "-----Antwort Nachricht-----\n\nDoes it hum?",
    "from in two lines": "From: Sam of the Desk\n<sam@x.example>\nSent: Tuesday, March 3, 2026 9:05 AM\nTo: Pia\nSubject: scanner\n\nDoes it hum?",
    "chinese without a space": "Sam Hill <sam@x.example>于2026年3月3日 周二上午9:05写道：\n\nDoes it hum?",
    "without a verb": "вт, 3 мар. 2026 г. в 09:05, Sam Hill <sam@x.example>:\n\nDoes it hum?",
    "dash before the header": "- Le 2026-03-03 09:05, Sam a écrit :\n",
    "wrapped by a phone": "On Mar 3, 2026 9:05 AM, Sam <sam@x.example> wrote:\n> The scanner on the second floor stopped at noon, and nobody there can start\n"
    "it again before Monday\n> Does it hum?",
    "k-9 en": "Sent from my Android device with K-9 Mail. Please excuse my brevity.",
    "k-9 fr": "Envoyé de mon appareil Android avec Courriel K-9 Mail. Veuillez excuser ma brièveté.",
    "k-9 de": "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
    "k-9 es": "Enviado desde mi dispositivo Android con K-9 Mail. Por favor, disculpa mi brevedad.",
    "iphone it": "Inviato dal mio iPhone",
    "typos": "Sent from my phone, please forgive any typos.",
    "in brackets": "(Sent from my phone)",
    "iphone zh": "发自我的 iPhone",
    "lawyers": "The information contained in this message is confidential and meant for the person to whom it is addressed; whoever gets it by mistake is asked "
    "to delete it.\n\nThis email has been scanned for viruses by the Gate of Example Ltd.",
}
KEPT = {
    "rule between paragraphs": "First the scanner.\n\n" + "_" * 40 + "\n\nThen the printer.\nPia",
    "a verb of a person": "I wrote the number on the lid - On the left side you see it:",
    "a sentence like a phone's": "It worked.\n\nSent from my desk, this is much easier than my phone.",
    "leave the list": "Sorry, no.\n\nTo unsubscribe I would need the password of a mailbox that has been closed for years, so please take me off the list, all "
    "of the twelve lists in fact, today.",
    "four labels, one of them missing": "From: Lyon To: Oslo Date: 3 May Class: two",
}


@pytest.mark.parametrize("name", CUT)
def test_cut(name: str) -> None:
    """What the program added is away; nothing of it is lost."""
    text = f"{WORDS}\n\n{CUT[name]}"
    new, old = split(text, answer=True)
    assert new.strip() == WORDS
    assert "".join((new + old).split()) == "".join(text.split())


@pytest.mark.parametrize("name", KEPT)
def test_kept(name: str) -> None:
    """What a person wrote stays, in an answer with a quotation, too."""
    assert split(KEPT[name], answer=True)[0] == KEPT[name]
    assert split(f"{KEPT[name]}\n\nOn 3 Mar 2026 at 09:05, Sam <sam@x.example> wrote:\n> Hum?", answer=True)[0].strip() == KEPT[name]


@pytest.mark.parametrize("between", [" ", "--- "])
def test_a_header_in_the_line_of_the_last_words(between: str) -> None:
    """The words before it stay: some programs set no line end between them."""
    text = f"It hums.\nFine, thanks{between}On Tue, Mar 3, 2026 at 9:05 AM, sam@x.example wrote:\n> Does it?"
    assert split(text, answer=True)[0] == "It hums.\nFine, thanks"
    mail = parse(b"From: a@x.example\nSubject: Re: hum\n\n" + text.encode())
    assert (mail.new_text, "sam@x.example" in mail.quoted_text) == ("It hums.\nFine, thanks", True)


def test_an_inline_answer_is_not_taken_for_a_wrapped_line() -> None:
    """Short lines, capitals and ends of sentences above are no sign of wrapping."""
    quoted = "> The scanner on the second floor stopped at noon, does it hum again by now?\nyes it does\n> And the one on the third floor of the house?\nNo."
    assert split(f"On 3 Mar 2026 at 09:05, Sam <sam@x.example> wrote:\n{quoted}", answer=True)[0] == quoted


def test_a_first_mail_loses_none_of_it() -> None:
    """Nothing says that it is an answer: what may be a header, a wrapped line or a footer stays."""
    for name in ("all fields in one line", "header between dashes", "without a verb", "lawyers"):
        text = f"{WORDS}\n\n{CUT[name]}"
        assert split(text, answer=False)[0] == text.strip("\n"), name


@pytest.mark.parametrize(
    "line",
    [
        "fine On Mar 3, 2026 9:05 sam@x.example wrote:\n> x",
        "From: a: b: c: d: e: f@x.example",
        "x " + "On " * 90 + "wrote:\n> x",
        "> " + "q" * 74 + " q\nqqq",
    ],
    ids=["shared", "labels", "openers", "wrapped"],
)
def test_linear(line: str) -> None:
    """Twice the text takes about twice as long, whatever the lines look like."""

    def cost(times: int) -> float:
        text = "\n".join([line] * times)
        best = []
        for _ in range(3):
            began = time.process_time()
            split(text, answer=True)
            best.append(time.process_time() - began)
        return min(best)

    assert cost(8_000) < 4 * cost(4_000) + 0.05


def test_lines() -> None:
    """A text without such a header is split at its line ends and nowhere else."""
    text = "a\n\nb On c:\n> d\n"
    assert lines_of(text) == text.split("\n")
