"""Templates of automatic mails: whose wins, what a broken one costs, and that none can run away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.outbox import Purpose
from core.setup import MailTemplate, Setup
from gateway.outbound.templates import LANGUAGES, MAX_OUTPUT, SHIPPED, check, render

ACK = Purpose.ACKNOWLEDGEMENT


def own(text: str = "Own text for {{ item.ref }}", language: str = "en", subject: str = "[{{ item.ref }}] {{ subject }}", html: str = "") -> MailTemplate:
    return MailTemplate("t1", "acknowledgement", language, subject, text, html)


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.PERSON])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_ones(purpose: Purpose, language: str) -> None:
    """decisions.md 24: each automatic mail in English and French, with the reference, and usable as an administrator's own."""
    words = render(Setup(name="Demo desk"), purpose, language, "101203-T", {"subject": "Imprimante", "failures": "a@b: 550 no", "closed": "1"})
    assert ("101203-T" in words.subject + words.text or purpose is Purpose.ALARM) and "Demo desk" in words.text and not words.note
    sources = [(SHIPPED / language / f"{purpose}.{part}.j2").read_text("utf-8") for part in ("subject", "text")]
    assert check(MailTemplate("t", purpose, language, *sources)) == ""


def test_they_differ_by_language() -> None:
    """An unknown language falls back to the desk's, then to English; a regional one to its own."""
    french = render(Setup(), ACK, "fr", "1-T", {}).text
    assert french.startswith("Bonjour") and render(Setup(), ACK, "fr-CA", "1-T", {}).text == french
    assert render(Setup(language="fr"), ACK, "de", "1-T", {}).text == french
    assert render(Setup(), ACK, "de", "1-T", {}).text.startswith("Hello")
    assert render(Setup(), ACK, "", "1-T", {}).text.startswith("Hello")


def test_an_administrators_own_wins_in_its_language() -> None:
    """C-TP-06: theirs before the shipped one, but a better language before a worse one."""
    setup = Setup(mail_templates=(own(), own("Eigener Text", "de")))
    assert render(setup, ACK, "en", "101203-T", {"subject": "S"}).text == "Own text for 101203-T"
    assert render(setup, ACK, "de-AT", "101203-T", {}).text == "Eigener Text"
    assert render(setup, ACK, "fr", "101203-T", {}).text.startswith("Bonjour")
    assert render(setup, Purpose.NO_ANSWER, "en", "101203-T", {}).text.startswith("Hello")


def test_a_subject_nobody_may_see_is_neutral() -> None:
    """decisions.md 9: `subject` is always there, and holds the sender's words only where the decision gave them."""
    setup = Setup(mail_templates=(own(),))
    assert render(setup, ACK, "en", "101203-T", {"subject": "Printer"}).subject == "[101203-T] Printer"
    assert render(setup, ACK, "en", "101203-T", {}).subject == "[101203-T] Your request"


def test_html_is_escaped_and_text_is_not() -> None:
    """A subject with markup in it stays text in the HTML part."""
    setup = Setup(mail_templates=(own("{{ subject }}", html="<b>{{ subject }}</b>"),))
    words = render(setup, ACK, "en", "1-T", {"subject": "<i>&"})
    assert (words.text, words.html) == ("<i>&", "<b>&lt;i&gt;&amp;</b>")


BROKEN = {
    "syntax": "{% if %}",
    "unknown name": "{{ nobody }}",
    "unknown attribute": "{{ item.secret }}",
    "multiplication": '{{ "a" * 1000000000 }}',
    "power": "{{ 9 ** 9 ** 9 }}",
    "format": '{{ "%1000000000d"|format(1) }}',
    "percent": '{{ "%1000000000d" % 1 }}',
    "center": '{{ "a"|center(1000000000) }}',
    "indent": '{{ "a"|indent(1000000000) }}',
    "replace": '{{ subject|replace("", subject) }}',
    "loop": "{% for a in subject %}{% for b in subject %}x{% endfor %}{% endfor %}",
    "range": "{{ range(1000000000)|list }}",
    "macro": "{% macro m(a) %}{{ m(a ~ a) }}{% endmacro %}{{ m(subject) }}",
    "set": "{% set a = subject %}{{ a }}",
    "call": "{{ subject.upper() }}",
    "escape": '{{ "".__class__.__mro__ }}',
    "index": "{{ subject[0] }}",
    "include": '{% include "/etc/passwd" %}',
    "import": '{% import "x" as y %}',
    "safe": "{{ subject|safe }}",
    "deep": "(" * 3000 + "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "long": "x" * 70_000,
    "self": "{{ self.a() }}",
    "dict": "{{ {1: 2} }}",
}


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("part", ["subject", "text", "html"])
def test_a_broken_one_never_loses_the_mail(source: str, part: str) -> None:
    """The shipped one goes out instead, at once, and the note says why; `check` says it before."""
    template = replace(own(html="x"), **{part: source})
    words = render(Setup(mail_templates=(template,)), ACK, "en", "101203-T", {"subject": "y" * 1000})
    assert words.text.startswith("Hello") and "101203-T" in words.subject
    assert "could not be used" in words.note and "(en)" in words.note
    assert check(template).startswith(f"{part}: ")


def test_output_is_capped() -> None:
    """Many times a long value is still bounded."""
    words = render(Setup(mail_templates=(own("{{ subject }}" * 4000),)), ACK, "en", "101203-T", {"subject": "y" * 1000})
    assert str(MAX_OUTPUT) in words.note


def test_what_is_allowed() -> None:
    """Values, if and else, comparisons, a few filters."""
    text = "{% if subject_known and subject|length > 2 %}{{ subject|trim|upper }}{% elif closed %}c{% else %}-{% endif %}{{ name or 'nobody' }}{# no #}{{ 'a' ~ title }}"
    words = render(Setup(mail_templates=(own(text),)), ACK, "en", "1-T", {"subject": " abc ", "name": "Carl"})
    assert (words.text, words.note) == ("ABCCarla", "")
