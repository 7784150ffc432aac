"""The small language of mail templates and canned texts: what may stand in one, and filling it in; which values there are is `template_values.py`.

A template may show values and choose between texts. Loops, macros, calls, arithmetic and most filters are refused when it is
read, so that none can run away (`{{ "a" * 1000000000 }}`, `format`, `center`, `replace` in `replace`); the sandbox is the second wall.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from gateway.outbound.template_values import NAMES

if TYPE_CHECKING:
    from jinja2 import Environment, Template, nodes

MAX_SOURCE = 65_536
MAX_OUTPUT = 262_144

NODES = frozenset("Template Output TemplateData Name Const Getattr If CondExpr Compare Operand And Or Not Filter Concat Test".split())
"""What a template may be made of."""
FILTERS = frozenset("capitalize d default e escape first last length lower title trim upper".split())
TESTS = frozenset("defined undefined eq ne equalto".split())


class TemplateTrouble(Exception):
    """A template cannot be used; `str()` says why, for the administrator."""


def fill(source: str, values: dict[str, Any], *, html: bool = False) -> str:
    """The template with its values; in HTML they are escaped. Raises TemplateTrouble."""
    try:
        pieces, size = [], 0
        for piece in _compiled(source, html).generate(values):  # ended where it is too much, not measured when it is all there
            pieces.append(piece)
            size += len(piece)
            if size > MAX_OUTPUT:
                raise TemplateTrouble(f"it gives more than {MAX_OUTPUT} characters")
    except _faults_of_templates() as fault:
        raise TemplateTrouble(_said(fault)) from None
    return "".join(pieces)


def names_in(source: str) -> frozenset[str]:
    """The values that a template names, such as `item.ref`. Raises TemplateTrouble if it cannot be read."""
    try:
        _compiled(source, False)  # never parsed before its size was looked at
        return frozenset(name for name, _ in _named(_environment(False).parse(source)))
    except _faults_of_templates() as fault:
        raise TemplateTrouble(_said(fault)) from None


def _faults_of_templates() -> tuple[type[Exception], ...]:
    """What reading and filling in raise for a bad template: Python itself refuses what is nested too deep, and numbers that are too long."""
    from jinja2 import TemplateError

    return (TemplateError, RecursionError, MemoryError, SyntaxError, TypeError, ValueError, OverflowError)


def _said(fault: Exception) -> str:
    return " ".join(str(fault).split())[:500] or type(fault).__name__


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
    """What the template contains and may not; also in a branch that is seldom taken."""
    from jinja2 import nodes

    tree = environment.parse(source)
    for node in tree.find_all(nodes.Node):
        kind, line = type(node).__name__, node.lineno
        if kind not in NODES:
            yield f"line {line}: “{kind}” is not allowed in a mail template; values, if/else and these filters are: {', '.join(sorted(FILTERS))}"
        if isinstance(node, nodes.Getattr) and not isinstance(node.node, nodes.Name):
            yield f"line {line}: “.{node.attr[:80]}” is asked of something that is no value of the table"
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            yield f"line {line}: the filter “{node.name}” is not allowed; allowed: {', '.join(sorted(FILTERS))}"
        if isinstance(node, nodes.Test) and node.name not in TESTS:
            yield f"line {line}: the test “{node.name}” is not allowed; allowed: {', '.join(sorted(TESTS))}"
    for name, line in _named(tree):
        if name not in NAMES:
            yield f"line {line}: there is no value “{name[:80]}”; there are {', '.join(NAMES)}"


def _named(tree: nodes.Template) -> Iterator[tuple[str, int]]:
    """Each value that is named, with its line: `item.ref` where it is one, and the bare `item` of anything else that is asked of it."""
    from jinja2 import nodes

    inner: set[int] = set()
    for node in tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name):
            inner.add(id(node.node))
            yield f"{node.node.name}.{node.attr}", node.lineno
    for name in tree.find_all(nodes.Name):
        if id(name) not in inner:
            yield name.name, name.lineno


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
