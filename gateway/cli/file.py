"""`guichet file`: files of items and of the desk's shelf, which go with mails."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.handing import hand_out, output_option
from gateway.cli.house import acting, as_option, json_option, opened, zone_of
from gateway.cli.letter_options import uploads
from gateway.cli.shown import in_zone, say, say_json, say_table

COLUMNS = ("id", "name", "content_type", "size", "created_at", "created_by", "drafts")
DESK = "--desk"


@click.group()
def command() -> None:
    """Files of an item, or with --desk those that canned texts and templates carry.

    \b
    guichet file add 101203-T invoice.pdf
    guichet file list 101203-T
    guichet item mail 101203-T --text "See the file." --file ID
    guichet file add --desk terms.pdf
    """


def _of(desk: bool, words: tuple[str, ...], more: int) -> tuple[str, tuple[str, ...]]:
    """The item that is meant, '' for the desk, and the other words. `more`: how many there must be at least."""
    ref, others = ("", words) if desk else (words[0] if words else "", words[1:])
    if not desk and not ref:
        raise click.UsageError("Say which item, or --desk.")
    if len(others) < more or (not more and others):
        raise click.UsageError(f"{'REF or ' + DESK + ', then ' if more else ''}{'at least one name is' if more else 'one item is'} expected.")
    return ref, others


desk_option = click.option("--desk", is_flag=True, help="The desk's shelf instead of an item.")


@command.command()
@click.argument("words", nargs=-1, metavar="[REF] PATH...")
@desk_option
@click.option("--anyway", is_flag=True, help="Also a file that is kept back as dangerous.")
@as_option
@json_option
@click.pass_context
def add(ctx: click.Context, /, words: tuple[str, ...], desk: bool, anyway: bool, by: str | None, as_json: bool) -> None:
    """Put files on the item REF, all or none."""
    ref, paths = _of(desk, words, 1)
    given = uploads(tuple(map(Path, paths)))
    with opened(ctx) as house:
        person = acting(house, by)
        kept, zone = house.desk.add_files(ref, person, given, anyway=anyway), zone_of(house, person)
    say_table(kept if as_json else in_zone(kept, zone), COLUMNS, as_json=as_json)


@command.command("list")
@click.argument("words", nargs=-1, metavar="[REF]")
@desk_option
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, /, words: tuple[str, ...], desk: bool, by: str | None, as_json: bool) -> None:
    """The files of the item REF, and which drafts carry one."""
    ref, _ = _of(desk, words, 0)
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.list_files(ref, person), zone_of(house, person)
    say_table(found if as_json else in_zone(found, zone), COLUMNS, as_json=as_json)


@command.command()
@click.argument("words", nargs=-1, metavar="[REF] ID")
@desk_option
@output_option
@as_option
@click.pass_context
def get(ctx: click.Context, /, words: tuple[str, ...], desk: bool, output: Path | None, by: str | None) -> None:
    """The bytes of one file."""
    ref, (id, *_) = _of(desk, words, 1)
    with opened(ctx) as house:
        found = house.desk.get_file(ref, id, acting(house, by))
    if hand_out(found.content, output, still="the file is still here"):
        say(f"{output}: {len(found.content)} bytes of “{found.name}”.")


@command.command()
@click.argument("words", nargs=-1, metavar="[REF] ID")
@desk_option
@as_option
@json_option
@click.pass_context
def remove(ctx: click.Context, /, words: tuple[str, ...], desk: bool, by: str | None, as_json: bool) -> None:
    """Take a file away; mails that carry it keep it."""
    ref, (id, *_) = _of(desk, words, 1)
    with opened(ctx) as house:
        gone = house.desk.remove_file(ref, id, acting(house, by))
    if as_json:
        say_json(gone)
    else:
        say(f"“{gone['name']}” was taken away.")
