"""The commands as a document, drawn from their declaration; the commands are in the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gateway.cli.main import COMMANDS
from gateway.cli.root import guichet

HEAD = """# Commands

Drawn from the code by `guichet docs`; do not edit by hand.

Exit codes: 0 done, 2 refused with a sentence, 64 wrong usage, 75 try later, 78 settings (`check`: 0 fine, 1 warnings, 3 errors). Data go to
standard output, everything else to standard error; every listing has `--json`. Completion: `eval "$(_GUICHET_COMPLETE=bash_source guichet)"`.
"""


def draw() -> str:
    """The document as Markdown: usage, help and options of every command."""
    root = click.Context(guichet, info_name="guichet", terminal_width=110, **guichet.context_settings)
    lines = [HEAD]
    for name in COMMANDS:
        command = guichet.get_command(root, name)
        assert command is not None, f"the table names {name}"
        for path, context in _every(command, click.Context(command, info_name=name, parent=root)):
            lines += ["", f"{'##' if ' ' not in path else '###'} guichet {path}", "", "```text", context.command.get_help(context).rstrip(), "```"]
    return "\n".join(lines) + "\n"


def _every(command: click.Command, context: click.Context, path: str = "") -> Iterator[tuple[str, click.Context]]:
    path = f"{path} {context.info_name}".strip()
    yield path, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            sub = command.get_command(context, name)
            if sub is not None:
                yield from _every(sub, click.Context(sub, info_name=name, parent=context), path)
