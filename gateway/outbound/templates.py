"""Automatic mails rendered from templates: an administrator's own first, then the shipped files; sealing the result is `compose.py`.

A template may show values and choose between texts. Loops, macros, calls, arithmetic and most filters are refused when it is
read, so that none can run away (`{{ "a" * 1000000000 }}`, `format`, `center`, `replace` in `replace`); the sandbox is the second wall.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.outbox import Purpose
from core.setup import MailTemplate, Setup

if TYPE_CHECKING:
    from jinja2 import Environment, Template

SHIPPED = Path(__file__).resolve().parents[2] / "templates" / "mail"
LANGUAGES = ("en", "fr")
MAX_SOURCE = 65_536
MAX_OUTPUT = 262_144

NODES = frozenset("Template Output TemplateData Name Const Getattr If CondExpr Compare Operand And Or Not Filter Concat Test".split())
"""What a template may be made of."""
FILTERS = frozenset("capitalize d default e escape first last length lower title trim upper".split())
TESTS = frozenset("defined undefined eq ne equalto".split())

FACTS = ("title", "name", "failures", "closed", "others")
"""What a template may show besides `item.ref`, `desk.name`, `subject` and `subject_known`; '' where the decision did not give it."""

NEUTRAL_SUBJECT = {"en": "Your request", "fr": "Votre demande"}
"""`subject` where the sender is not known (decisions.md 9): a stranger's words are not sent on."""


class TemplateTrouble(Exception):
    """A template cannot be used; `str()` says why, for the administrator."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of one automatic mail. `note` is not empty when an administrator's template was broken and the shipped one used."""

    subject: str
    text: str
    html: str = ""
    note: str = ""


def render(setup: Setup, purpose: Purpose, language: str, ref: str, facts: Mapping[str, str]) -> Rendered:
    """The mail for one purpose, in the language asked for, else the desk's, else English. Never fails for an administrator's template."""
    tongues = _tongues(language, setup.language)
    values = _values(setup, tongues[0], ref, facts)
    own = _own(setup, purpose, tongues)
    if own is None:
        return _shipped(purpose, tongues, values)
    try:
        return Rendered(_fill(own.subject, values), _fill(own.text, values), _fill(own.html, values, html=True) if own.html else "")
    except TemplateTrouble as trouble:
        shipped = _shipped(purpose, tongues, values)
        note = f"The mail template “{own.purpose}” ({own.language}) could not be used, the shipped one was sent instead: {trouble}"
        return Rendered(shipped.subject, shipped.text, shipped.html, note)


def check(template: MailTemplate) -> str:
    """What is wrong with an administrator's template, as a sentence; '' if it can be used."""
    values = _values(Setup(name="Desk"), "en", "101203-T", {"subject": "Subject"})
    for part, source in (("subject", template.subject), ("text", template.text), ("html", template.html)):
        try:
            _fill(source, values, html=part == "html")
        except TemplateTrouble as trouble:
            return f"{part}: {trouble}"
    return ""


def _tongues(*wanted: str) -> tuple[str, ...]:
    """The languages to try, best first: `fr-CA`, `fr`, then the desk's, then English."""
    tried = (form for language in (*wanted, "en") if language for form in (language.lower(), language.lower().partition("-")[0]))
    return tuple(dict.fromkeys(tried))


def _own(setup: Setup, purpose: Purpose, tongues: tuple[str, ...]) -> MailTemplate | None:
    """The administrator's template in the best language, unless a shipped one stands in a better one."""
    own = {template.language.lower(): template for template in setup.mail_templates if template.purpose == purpose}
    for tongue in tongues if own else ():
        if tongue in own:
            return own[tongue]
        if tongue in LANGUAGES:
            return None
    return None


def _values(setup: Setup, tongue: str, ref: str, facts: Mapping[str, str]) -> dict[str, Any]:
    neutral = NEUTRAL_SUBJECT.get(tongue.partition("-")[0], NEUTRAL_SUBJECT["en"])
    return {
        **dict.fromkeys(FACTS, ""),
        **facts,
        "subject": facts.get("subject") or neutral,
        "subject_known": bool(facts.get("subject")),
        "item": {"ref": ref},
        "desk": {"name": setup.name},
    }


def _shipped(purpose: Purpose, tongues: tuple[str, ...], values: dict[str, Any]) -> Rendered:
    tongue = next(tongue for tongue in tongues if tongue in LANGUAGES)
    subject, text, html = (_shipped_source(tongue, purpose, part) for part in ("subject", "text", "html"))
    return Rendered(_fill(subject, values), _fill(text, values), _fill(html, values, html=True) if html else "")


@cache
def _shipped_source(tongue: str, purpose: str, part: str) -> str:
    file = SHIPPED / tongue / f"{purpose}.{part}.j2"
    return file.read_text("utf-8") if part != "html" or file.exists() else ""


def _fill(source: str, values: dict[str, Any], *, html: bool = False) -> str:
    """The template with its values. Raises TemplateTrouble."""
    from jinja2 import TemplateError

    try:
        filled = _compiled(source, html).render(values)
    except (TemplateError, RecursionError, TypeError, ValueError) as fault:
        raise TemplateTrouble(f"{fault or type(fault).__name__}") from None
    if len(filled) > MAX_OUTPUT:
        raise TemplateTrouble(f"it gives more than {MAX_OUTPUT} characters")
    return filled


@lru_cache(maxsize=500)
def _compiled(source: str, html: bool) -> Template:
    """The template, read once. Raises TemplateTrouble or a Jinja2 TemplateError for what it may not contain."""
    if len(source) > MAX_SOURCE:
        raise TemplateTrouble(f"it is longer than {MAX_SOURCE} characters")
    environment = _environment(html)
    for fault in _faults(environment, source):
        raise TemplateTrouble(fault)
    return environment.from_string(source)


def _faults(environment: Environment, source: str) -> Iterator[str]:
    """What the template contains and may not."""
    from jinja2 import nodes

    for node in environment.parse(source).find_all(nodes.Node):
        kind, line = type(node).__name__, node.lineno
        if kind not in NODES:
            yield f"line {line}: “{kind}” is not allowed in a mail template; values, if/else and these filters are: {', '.join(sorted(FILTERS))}"
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            yield f"line {line}: the filter “{node.name}” is not allowed; allowed: {', '.join(sorted(FILTERS))}"
        if isinstance(node, nodes.Test) and node.name not in TESTS:
            yield f"line {line}: the test “{node.name}” is not allowed; allowed: {', '.join(sorted(TESTS))}"


@cache
def _environment(html: bool) -> Environment:
    """Jinja2 with no way out: immutable sandbox, unknown names are faults, no globals, only the filters and tests of the list."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=html, keep_trailing_newline=True, cache_size=0)
    environment.globals.clear()
    environment.filters = {name: filter_ for name, filter_ in environment.filters.items() if name in FILTERS}
    environment.tests = {name: test for name, test in environment.tests.items() if name in TESTS}
    return environment
