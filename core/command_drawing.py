"""The commands by mail as a Markdown page (`docs/commands-by-mail.md`); drawn from the tables, never written by hand."""

from __future__ import annotations

from collections.abc import Iterable

from core.command_help import written
from core.command_plan import ORDER
from core.command_table import KINDS, TABLE
from core.command_words import AGAINST, ALONE, METHODS, WORDS, Name, taught

PAGE = """# Commands by mail

Drawn from the tables in `core/command_words.py`, `core/command_table.py` and `core/command_plan.py` by `guichet docs`; do not edit by hand.

An agent who answers a mail that told them something may write commands in the first lines, or in the subject. Several stand together, on lines of
their own or side by side; either all of them are carried out or none. Case, accents, odd blanks and full stops do not matter. The first line that is no
command ends them: what follows is the text.
"""


def draw() -> str:
    """The whole page."""
    return "\n".join((PAGE, _written(), _meanings(), _methods(), _order(), _against()))


def _written() -> str:
    rows = ((_code(written(name).en), _code(written(name).fr), ", ".join(_code(f"#{one}") for one in (*word.en[1:], *word.fr[1:]))) for name, word in WORDS.items())
    return f"## How they are written\n\n{_grid(('English', 'French', 'also'), rows)}"


def _meanings() -> str:
    rows = ((_code(f"#{name}"), *(_cell(name, kind) for kind in KINDS)) for name in WORDS)
    return f"## What they mean\n\n{_grid(('command', *KINDS), rows)}"


def _cell(name: Name, kind: str) -> str:
    return "as a ticket" if kind != "ticket" and TABLE[name][kind] == TABLE[name]["ticket"] else TABLE[name][kind].does.en


def _methods() -> str:
    rows = ((_code(str(method)), ", ".join(word.en), ", ".join(word.fr)) for method, word in METHODS.items())
    return f"## Methods behind `#resolve`\n\n{_grid(('method', 'English', 'French'), rows)}"


def _order() -> str:
    rows = ((_code(f"#{what}") if isinstance(what, Name) else what, why.en) for what, why in ORDER)
    return f"## In which order they are carried out\n\nWhatever the order they are written in.\n\n{_grid(('what', 'because'), rows)}"


def _against() -> str:
    pairs = ", ".join(f"`#{taught(one).en}` and `#{taught(other).en}`" for one, other in AGAINST)
    alone = ", ".join(f"`#{name}`" for name in sorted(ALONE))
    return f"## What cannot stand together\n\n{pairs}; the same command twice. Alone stand: {alone}.\n"


def _code(words: str) -> str:
    return f"`{words}`"


def _grid(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = tuple(head)
    lines = [" | ".join(titles), " | ".join("---" for _ in titles), *(" | ".join(row) for row in rows)]
    return "".join(f"| {line} |\n" for line in lines)
