"""The group of all commands and its options; commands are imported when they are used, so that `guichet --help` stays quick."""

from __future__ import annotations

import importlib
from typing import Any

import click

from gateway.cli.main import COMMANDS


class Lazy(click.Group):
    """Knows its commands by name and one line of help, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"gateway.cli.{COMMANDS[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _set(_ctx: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """`smtp.port=2526` → nested tables."""
    tables: dict[str, Any] = {}
    for value in values:
        key, equals, content = value.partition("=")
        if not equals or not all(key.split(".")):
            raise click.BadParameter(f"KEY=VALUE is expected, such as smtp.port=2526, not “{value}”")
        *path, last = key.split(".")
        here = tables
        for name in path:
            here = here.setdefault(name, {})
        here[last] = content
    return tables


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--config", "file", metavar="FILE", help="The settings file; else GUICHET_CONFIG, ./guichet.toml, /etc/guichet/guichet.toml.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, callback=_set, help="One setting for this call, such as smtp.port=2526.")
@click.version_option(package_name="guichet", prog_name="guichet")
@click.pass_context
def guichet(ctx: click.Context, file: str | None, overrides: dict[str, Any]) -> None:
    """Guichet, an e-mail-first service desk.

    \b
    Try it:            guichet demo
    A new desk:        guichet init --admin you@your.example
                       guichet config apply desk.toml
                       guichet serve
    What a mail does:  guichet explain mail.eml

    Exit codes: 0 done, 2 refused with a sentence, 64 wrong usage, 75 try later, 78 settings.
    """
    ctx.obj = {"file": file, "overrides": overrides}
