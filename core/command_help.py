"""The list of commands as an agent gets it by mail; the page of documents is `core/command_drawing.py`."""

from __future__ import annotations

from core.command_table import TABLE
from core.command_words import WORDS, Name, Said

_KINDS = {"case": Said("Cases:", "Dossiers :"), "action": Said("Actions:", "Actions :")}


def help_text(language: str) -> str:
    """All commands with what they mean for a ticket, and where other kinds of item differ."""
    return "\n".join(line.in_language(language).replace("`", "") for name in WORDS for line in _about(name))


def written(name: Name) -> Said:
    """The command as it is taught, with its argument."""
    word = WORDS[name]
    return Said(f"#{word.en[0]} {word.takes.en}".rstrip(), f"#{word.fr[0]} {word.takes.fr}".rstrip())


def _about(name: Name) -> list[Said]:
    cells = TABLE[name]
    shown, does = written(name), cells["ticket"].does
    lines = [Said(f"{shown.en} – {does.en}", f"{shown.fr} – {does.fr}")]
    for kind, called in _KINDS.items():
        if cells[kind] != cells["ticket"]:
            lines.append(Said(f"    {called.en} {cells[kind].does.en}", f"    {called.fr} {cells[kind].does.fr}"))
    return lines
