"""Automatic mails rendered from templates: an administrator's own first, then the shipped files; sealing the result is `compose.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from core.setup import MailTemplate, Setup
from gateway.outbound.template_language import TemplateTrouble, fill, names_in
from gateway.outbound.template_values import ALWAYS, PURPOSES, REPLY_INSTRUCTIONS, samples, values_for

SHIPPED = Path(__file__).resolve().parents[2] / "templates" / "mail"
LANGUAGES = ("en", "fr")
LONGEST_SUBJECT = 200
MOST_COMBINED = 7
"""Values of one template that are tried present and absent in every combination: 128 mails; beyond, each is tried absent alone."""
PARTS = ("subject", "text", "html")


@dataclass(frozen=True, slots=True)
class Source:
    """A template that can be taken. `own` None: the shipped one."""

    purpose: str
    language: str
    subject: str
    text: str
    html: str = ""
    own: MailTemplate | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Names of files of the desk that go with the mail."""
        return self.own.files if self.own is not None else ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of one automatic mail and their language. `note` is not empty when an administrator's template was broken and the shipped one used."""

    subject: str
    text: str
    html: str = ""
    note: str = ""
    language: str = ""


def render(setup: Setup, purpose: str, language: str, ref: str, facts: Mapping[str, str]) -> Rendered:
    """The mail for one purpose, in the language asked for, else the desk's, else English. Never fails for an administrator's template."""
    source = chosen(setup, purpose, language)
    if source.own is None:
        return _rendered(source, setup, ref, facts)
    try:
        return _rendered(source, setup, ref, facts)
    except TemplateTrouble as trouble:
        note = f"The mail template “{source.purpose}” ({source.language}) could not be used, the shipped one was sent instead: {trouble}"
        found = _rendered(shipped(purpose, language, setup.language), setup, ref, facts)
        return Rendered(found.subject, found.text, found.html, note, found.language)


def chosen(setup: Setup, purpose: str, language: str) -> Source:
    """The template that is taken: the best language first, in each the administrator's own before the shipped one (C-TP-06)."""
    own = {template.language.lower(): template for template in setup.mail_templates if template.purpose == purpose}
    for tongue in tongues(language, setup.language) if own else ():
        if tongue in own:
            one = own[tongue]
            return Source(purpose, one.language, one.subject, one.text, one.html, one)
        if tongue in LANGUAGES:
            break
    return shipped(purpose, language, setup.language)


def shipped(purpose: str, *wanted: str) -> Source:
    """The shipped template in the best of the languages wanted, else in English."""
    tongue = next(tongue for tongue in tongues(*wanted) if tongue in LANGUAGES)
    subject, text, html = (_file(tongue, purpose, part) for part in PARTS)
    return Source(purpose, tongue, subject, text, html)


def check(template: MailTemplate) -> str:
    """What is wrong with an administrator's template, as a sentence; '' if it can be used whatever its values are."""
    setup = Setup(name="Demo desk")
    for part in PARTS:
        source = getattr(template, part)
        try:
            for facts in _every(samples(names_in(source)), ALWAYS.get(template.purpose, ())):
                filled = fill(source, values_for(setup, template.language or "en", "101203-T", facts), html=part == "html").strip()
                if part == "subject" and ("\n" in filled or "\r" in filled or len(filled) > LONGEST_SUBJECT):
                    return f"subject: one line of at most {LONGEST_SUBJECT} characters is expected"
                if part == "subject" and not filled and template.purpose != REPLY_INSTRUCTIONS:
                    return "subject: it is empty where these values are: " + (", ".join(sorted(facts)) or "none")
        except TemplateTrouble as trouble:
            return f"{part}: {trouble}"
    if template.purpose == REPLY_INSTRUCTIONS and template.subject.strip():
        return "subject: this is a line in other mails, and has no subject"
    return ""


def listed(setup: Setup) -> list[Source]:
    """Every template there is, by purpose and language; of two for the same the administrator's own."""
    known: dict[tuple[str, str], Source] = {}
    for purpose in PURPOSES:
        for tongue in dict.fromkeys((*LANGUAGES, *(one.language for one in setup.mail_templates if one.purpose == purpose))):
            known[purpose, tongue] = chosen(setup, purpose, tongue)
    return list(known.values())


def tongues(*wanted: str) -> tuple[str, ...]:
    """The languages to try, best first: `fr-CA`, `fr`, then the desk's, then English."""
    tried = (form for language in (*wanted, "en") if language for form in (language.lower(), language.lower().partition("-")[0]))
    return tuple(dict.fromkeys(tried))


def _every(facts: dict[str, str], always: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Every combination of facts that are there and that are not, but for those always there; of many facts all, none, and all but one."""
    fixed = {name: content for name, content in facts.items() if name in always}
    names = [name for name in facts if name not in always]
    if len(names) <= MOST_COMBINED:
        for there in product((True, False), repeat=len(names)):
            yield {**fixed, **{name: facts[name] for name, given in zip(names, there, strict=True) if given}}
        return
    yield from (fixed, facts, *({name: content for name, content in facts.items() if name != absent} for absent in names))


def _rendered(source: Source, setup: Setup, ref: str, facts: Mapping[str, str]) -> Rendered:
    values: dict[str, Any] = values_for(setup, source.language, ref, facts)
    html = fill(source.html, values, html=True) if source.html else ""
    return Rendered(fill(source.subject, values), fill(source.text, values), html, language=source.language)


@cache
def _file(tongue: str, purpose: str, part: str) -> str:
    file = SHIPPED / tongue / f"{purpose}.{part}.j2"
    needed = part == "text" or (part == "subject" and purpose != REPLY_INSTRUCTIONS)
    return file.read_text("utf-8") if needed or file.exists() else ""
