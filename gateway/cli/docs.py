"""`guichet docs`: writes the documents that are drawn from the code; which those are is `gateway/docs.py`."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.shown import say


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 2 if one is stale.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where they are; without it docs/ beside the code.")
def command(check: bool, folder: Path | None) -> int:
    """Draw docs/settings.md, docs/commands.md, docs/status.md and the others from the code.

    \b
    guichet docs
    guichet docs --check
    """
    from gateway import docs

    where = folder or docs.FOLDER
    names = docs.stale(where) if check else docs.draw_all(where)
    for name in names:
        say(f"{where / name} {'is stale' if check else 'written'}")
    return 2 if check and names else 0
