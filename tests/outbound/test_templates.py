"""Templates of automatic mails: whose wins, what a broken one costs, and that none can run away."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.alarms import Alarm, AlarmKind, mail, sentence
from core.outbox import TO_AGENTS, Purpose
from core.senders import Sender
from core.setup import Connector, MailTemplate, Setup
from gateway.keys import Keys
from gateway.outbound.compose import seal
from gateway.outbound.template_language import MAX_OUTPUT
from gateway.outbound.template_values import NAMES, PURPOSES, REPLY_INSTRUCTIONS, VALUES
from gateway.outbound.templates import LANGUAGES, SHIPPED, check, chosen, listed, render
from tests.outbound.drafts import NOW, make_draft

ACK = Purpose.ACKNOWLEDGEMENT


def own(text: str = "Own text for {{ item.ref }}", language: str = "en", subject: str = "[{{ item.ref }}] {{ subject }}", html: str = "") -> MailTemplate:
    return MailTemplate("t1", "acknowledgement", language, subject, text, html)


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.PERSON and purpose not in TO_AGENTS])
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
    "nested": "{% if subject %}" * 150 + "x" + "{% endif %}" * 150,
    "nested beyond the parser": "{{ " + "not " * 5000 + "subject }}",
    "a long number": "{{ " + "9" * 6000 + " }}",
    "a long chain": "{{ " + " ~ ".join(["subject"] * 3000) + " | upper" * 3000 + " }}",
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


FACTS = {value.fact: value.sample for value in VALUES if value.fact}


def test_every_value_of_the_table_can_be_shown() -> None:
    """The table is what a template may name, no more and no less; what nothing fills is empty."""
    every = "|".join(f"{{{{ {name} }}}}" for name in NAMES)
    full = render(Setup(name="Demo desk", mail_templates=(own(every),)), ACK, "en", "101203-T", FACTS).text.split("|")
    shown = dict(zip(NAMES, full, strict=True))
    assert shown["item.due"] == "2 March 2026, 17:00 (UTC)"
    assert {name: shown[name] for name in ("item.ref", "item.process", "contact.name", "agent.name", "connector.name", "desk.name")} == {
        "item.ref": "101203-T",
        "item.process": "General support",
        "contact.name": "Carl Customer",
        "agent.name": "Ann Agent",
        "connector.name": "support",
        "desk.name": "Demo desk",
    }
    assert all(shown.values())
    empty = render(Setup(name="Demo desk", mail_templates=(own(every),)), ACK, "en", "", {}).text.split("|")
    assert {name for name, content in zip(NAMES, empty, strict=True) if content} == {"desk.name", "subject", "subject_known"}


@pytest.mark.parametrize("purpose", list(PURPOSES))
def test_every_purpose_has_its_text_in_english_and_french(purpose: str) -> None:
    """C5, decisions.md 24: also the line that says how to answer; and each can be copied and saved as one's own."""
    for language in LANGUAGES:
        source = chosen(Setup(), purpose, language)
        assert (source.own, source.language) == (None, language) and source.text.strip()
        assert check(MailTemplate("t", purpose, language, source.subject, source.text, source.html)) == ""
        values = [name for name in NAMES if f"{{{{ {name} }}}}" in source.subject + source.text]
        assert all(purpose in value.filled_in for value in VALUES if value.name in values)


def test_french_typography() -> None:
    """Before : ; ? ! and within guillemets stands a blank at which no line breaks."""
    for file in sorted((SHIPPED / "fr").glob("*.j2")):
        text = file.read_text("utf-8")
        assert not re.search(r"[^\u00a0\u202f%}][;?!»]|[^\W\d_][:;?!»]| [:;?!»]|« |«[^\u00a0\u202f]", text), file.name


def test_the_language_of_the_words_is_told() -> None:
    """C-TP-06: a fallback says which language it speaks, and the stand-in for the subject speaks it as well."""
    words = render(Setup(language="fr"), Purpose.NO_ANSWER, "de", "1-T", {})
    assert (words.language, words.text.startswith("Bonjour")) == ("fr", True)
    setup = Setup(mail_templates=(own("Text", "de", "{{ subject }}"),))
    assert (render(setup, ACK, "de-AT", "1-T", {}).language, render(setup, ACK, "it", "1-T", {}).language) == ("de", "en")
    assert render(Setup(mail_templates=(own("x", "fr", "{{ subject }}"),)), ACK, "fr", "1-T", {}).subject == "Votre demande"
    assert render(Setup(mail_templates=(own("x", "fr", "{{ subject }}"),), language="fr"), ACK, "nl", "1-T", {}).subject == "Votre demande"


SELDOM = {
    "a name only in one branch": ("text", "{% if closed %}{{ nobody }}{% endif %}", "no value “nobody”"),
    "a part that is none": ("text", "{{ item.secret }}", "no value “item.secret”"),
    "a method of a value": ("text", "{{ item.items }}", "no value “item.items”"),
    "the whole item": ("text", "{{ item }}", "no value “item”"),
    "a subject of two lines": ("subject", "a\n{{ item.ref }}", "one line"),
    "a subject of two lines in one case": ("subject", "a{% if not subject_known %}\n\nb{% endif %}", "one line"),
    "a subject that is too long": ("subject", "x" * 201, "200 characters"),
    "a subject that is empty in one case": ("subject", "{{ item.title }}", "empty"),
}


@pytest.mark.parametrize(("part", "source", "said"), SELDOM.values(), ids=SELDOM)
def test_what_would_go_wrong_only_sometimes_is_found_when_it_is_saved(part: str, source: str, said: str) -> None:
    """Checked with every combination of values that are there and that are missing."""
    assert said in check(replace(own(), **{part: source}))


def test_a_line_in_other_mails_has_no_subject() -> None:
    """B-MT-07: the reply instructions are no mail."""
    assert check(MailTemplate("t", REPLY_INSTRUCTIONS, "en", "", "Answer here.")) == ""
    assert "no subject" in check(MailTemplate("t", REPLY_INSTRUCTIONS, "en", "Subject", "Answer here."))


def test_all_that_there_are() -> None:
    """Every purpose in English and French, and an own one wherever there is one."""
    found = {(one.purpose, one.language): one for one in listed(Setup(mail_templates=(own(), own("Danke", "de"))))}
    assert len(found) == 2 * len(PURPOSES) + 1
    assert found["acknowledgement", "de"].text == "Danke" and found["acknowledgement", "en"].own is not None and found["split", "en"].own is None


HOSTILE = {
    "template syntax": "{{ 7 * 7 }}{% for a in b %}{{ desk.name }}",
    "line breaks": "a\r\nBcc: x@y.example\r\n\r\nb",
    "direction marks": "\u202egpj.exe\u2066",
    "a million characters": "x" * 1_000_000,
    "markup": "<script>alert(1)</script>",
    "nothing printable": "\0\ud800\u2028",
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("purpose", list(Purpose))
def test_hostile_values_stay_values(value: str, purpose: Purpose) -> None:
    """Whatever stands in every field: nothing of it is obeyed, no header begins with it, and a mail leaves."""
    connector = Connector("c", "support", "support@demo.example")
    facts = {**dict.fromkeys(FACTS, value), "due": "2026-03-02T17:00:00+00:00"}
    every = own(" ".join(f"{{{{ {name} }}}}" for name in NAMES), html="<p>{{ subject }}{{ contact.name }}</p>", subject="{{ subject }}")
    setup = Setup(name="Demo desk", connectors=(connector,), mail_templates=(replace(every, purpose=purpose),))
    made = seal(make_draft(purpose=purpose, facts=facts, subject=value, text=value or "x"), connector, setup, Keys((b"k" * 32,)), ref="101203-T")
    mail = message_from_bytes(made.bytes)
    assert mail["Bcc"] is None and mail["Message-ID"] and len(mail.keys()) == len(set(mail.keys()))
    assert "<script>" not in made.html and not set("\u202e\u2066\0") & set("" if purpose is Purpose.PERSON or purpose in TO_AGENTS else made.text)
    if value.startswith("{{"):
        assert "{{ 7 * 7 }}" in made.subject and "49" not in made.subject


@given(some.text(max_size=200), some.sampled_from(list(PURPOSES)), some.sampled_from(["en", "fr", "de", "", "x" * 300]))
def test_a_shipped_template_never_fails(value: str, purpose: str, language: str) -> None:
    """Property: any facts, in any language."""
    words = render(Setup(name=value), purpose, language, value, dict.fromkeys(FACTS, value))
    assert words.text and not words.note and words.language in LANGUAGES


TOKENS = [*"{{ }} {% %} {# #} if else endif for in item . ref | upper ~ ' ( ) 1".split(), " ", "\n"]


@given(some.lists(some.sampled_from(TOKENS)))
def test_reading_raises_nothing(parts: list[str]) -> None:
    """Property: whatever somebody saves as a template, the answer is a sentence or that it is fine, and a mail leaves with it."""
    template = own("".join(parts))
    said = check(template)
    assert "\n" not in said
    words = render(Setup(mail_templates=(template,)), ACK, "en", "101203-T", {})
    assert bool(words.note) is bool(said)


def test_an_administrator_may_word_an_alarm(example_setup: Setup) -> None:
    """decisions.md 19: a template knows what kind of alarm it is, about what, what was seen and whether it is over, so that it may use words of its own."""
    text = "{% if closed %}{{ name }} is back.{% elif kind == 'suspended' %}Call the provider of {{ connector.name }}: {{ detail }}{% else %}{{ failures }}{% endif %}"
    own = MailTemplate("t", "alarm", "en", "{{ title }}", text)
    assert check(own) == ""
    setup = replace(example_setup, mail_templates=(own,))
    said = {}
    for kind, over in ((AlarmKind.SUSPENDED, False), (AlarmKind.SUSPENDED, True), (AlarmKind.WAITING, False)):
        alarm = Alarm(kind, "support", "535 no")
        draft = mail(alarm, example_setup.users[-1], Sender(setup.connectors[0], "support@demo.example"), setup, "o-1", NOW, over=over)
        said[kind, over] = render(setup, Purpose.ALARM, "en", "", draft.facts).text.strip()
    assert said[AlarmKind.SUSPENDED, False] == "Call the provider of support: 535 no"
    assert said[AlarmKind.SUSPENDED, True] == "support is back."
    assert said[AlarmKind.WAITING, False] == sentence(Alarm(AlarmKind.WAITING, "support", "535 no"))[1].strip()
