"""What must hold of the texts in a desk file: templates of automatic mails, canned texts, signatures; what may stand in a template is `outbound/template_language.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.setup import Setup
from core.signature import LONGEST_HTML, LONGEST_TEXT, warning
from gateway.deskfile import forms
from gateway.deskfile.forms import Found

LONGEST_WORDS = 100_000
MOST_FILES = 20
"""With one template or canned text."""


def mail_templates(setup: Setup) -> Found:
    """Texts of automatic mails: a known purpose, and words that can be filled in whatever the values are."""
    from gateway.outbound.template_values import PURPOSES, REPLY_INSTRUCTIONS

    for place, template in enumerate(setup.mail_templates, 1):
        path = f"mail_templates[{place}]"
        if template.purpose not in PURPOSES:
            yield f"{path}.purpose", f"“{template.purpose[:40]}” is not one of {', '.join(PURPOSES)}"
        yield from forms.language(f"{path}.language", template.language)
        yield from _lengths(path, {"subject": template.subject, "text": template.text, "html": template.html})
        line = template.purpose == REPLY_INSTRUCTIONS
        if not template.text.strip() or not (template.subject.strip() or line):
            yield f"{path}.text", "a text is expected" if line else "a subject and a text are expected"
        if line and template.files:
            yield f"{path}.files", "a line in other mails brings no files"
        yield from _files(path, template.files)
    yield from _faults(setup)


def canned_texts(setup: Setup) -> Found:
    """Texts that people put into their mails."""
    for place, text in enumerate(setup.canned_texts, 1):
        path = f"canned_texts[{place}]"
        if text.language:
            yield from forms.language(f"{path}.language", text.language)
        yield from _lengths(path, {"text": text.text, "html": text.html})
        if not text.text.strip():
            yield f"{path}.text", "a text is expected"
        yield from _files(path, text.files)
        yield from ((f"{path}.{part}", trouble) for part, trouble in _unfillable({"text": text.text, "html": text.html}))


def signatures(setup: Setup) -> Found:
    """What stands below people's mails."""
    for place, user in enumerate(setup.users, 1):
        for key, most in (("signature", LONGEST_TEXT), ("signature_html", LONGEST_HTML)):
            if len(getattr(user, key)) > most:
                yield f"users[{place}].{key}", f"at most {most} characters are expected"


def warnings(setup: Setup) -> Found:
    """What is allowed and probably not meant."""
    services = {process.service for process in setup.processes if process.service}
    for place, text in enumerate(setup.canned_texts, 1):
        if text.service and text.service not in services:
            yield f"canned_texts[{place}].service", f"{forms.unknown('service line', text.service, sorted(services))}: the text is offered for no item"
    for place, user in enumerate(setup.users, 1):
        said = warning(user.signature, user.signature_html)
        if said:
            yield f"users[{place}].signature", said


def files_named(setup: Setup) -> dict[str, str]:
    """Name of each file of the desk that a template or canned text brings, and who names it first."""
    named: dict[str, str] = {}
    for template in setup.mail_templates:
        named |= {name: f"the mail template “{template.purpose}” ({template.language})" for name in template.files if name not in named}
    for text in setup.canned_texts:
        named |= {name: f"the canned text “{text.title}”" for name in text.files if name not in named}
    return named


def _lengths(path: str, parts: dict[str, str]) -> Found:
    yield from ((f"{path}.{key}", f"at most {LONGEST_WORDS} characters are expected") for key, content in parts.items() if len(content) > LONGEST_WORDS)


def _files(path: str, names: Sequence[str]) -> Found:
    if len(names) > MOST_FILES:
        yield f"{path}.files", f"at most {MOST_FILES} files are expected"
    for number, name in enumerate(names, 1):
        if not name.strip() or not name.isprintable() or len(name) > forms.LONGEST_NAME:
            yield f"{path}.files[{number}]", "the name of a file of the desk is expected (`guichet file list --desk`)"


def _faults(setup: Setup) -> Found:
    """Templates that cannot be filled in; the shipped one would be sent in the place of such a one."""
    if not setup.mail_templates:
        return
    from gateway.outbound.templates import check  # Jinja2 is loaded only where an administrator has texts

    for place, template in enumerate(setup.mail_templates, 1):
        trouble = check(template)
        if trouble:
            yield f"mail_templates[{place}].{trouble.partition(':')[0]}", trouble


def _unfillable(parts: dict[str, str]) -> Iterator[tuple[str, str]]:
    from gateway.outbound.template_language import TemplateTrouble, fill, names_in
    from gateway.outbound.template_values import samples, values_for

    for part, source in parts.items():
        try:
            for facts in (samples(names_in(source)), {}):
                fill(source, values_for(Setup(), "en", "101203-T", facts), html=part == "html")
        except TemplateTrouble as trouble:
            yield part, str(trouble)
