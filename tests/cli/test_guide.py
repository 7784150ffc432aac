"""The commands in the pages for people are commands that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from gateway.cli.root import guichet

DOCS = Path(__file__).resolve().parents[2] / "docs"
TYPED = re.compile(r"^(?:\$ )?guichet (.+)$", re.MULTILINE)
COMMANDS = TYPED.findall((DOCS / "agent.md").read_text("utf-8"))


@pytest.mark.parametrize("typed", COMMANDS)
def test_what_the_guide_for_agents_types_can_be_typed(typed: str) -> None:
    """Each command of docs/agent.md, with its options and arguments."""
    command: click.Command = guichet
    words = shlex.split(typed)
    context = click.Context(command)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words[0]
        command, words = found, words[1:]
        context = click.Context(command, parent=context)
    values, left, _ = command.make_parser(context).parse_args(list(words))
    wanted = [one.name for one in command.params if isinstance(one, click.Argument) and one.required]
    assert not left and all(values.get(name or "") for name in wanted)


def test_the_guide_has_commands() -> None:
    """The expression above finds them."""
    assert len(COMMANDS) > 15
