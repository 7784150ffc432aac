"""`guichet template`: the texts of automatic mails, and what they would look like; they are changed in the desk file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.house import acting, as_option, json_option, opened
from gateway.cli.shown import say, say_fields, say_json, say_table

COLUMNS = ("purpose", "language", "own", "version", "subject", "trouble")
LARGEST = 1_000_000


@click.group()
def command() -> None:
    """The texts of automatic mails; docs/templates.md has all values.

    \b
    guichet template list
    guichet template show acknowledgement --language fr > mine.txt
    guichet template preview acknowledgement --item 101203-T
    guichet template preview split --item 101203-T --language fr --file new.toml
    """


@command.command("list")
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, by: str | None, as_json: bool) -> None:
    """Every text, own or shipped, and what is wrong with it."""
    with opened(ctx) as house:
        say_table(house.desk.list_templates(acting(house, by)), COLUMNS, as_json=as_json)


@command.command()
@click.argument("purpose")
@click.option("--language", default="", help="Such as en or fr; without it that of the desk.")
@as_option
@json_option
@click.pass_context
def show(ctx: click.Context, purpose: str, language: str, by: str | None, as_json: bool) -> None:
    """The source of the text for PURPOSE."""
    with opened(ctx) as house:
        found = house.desk.show_template(purpose, acting(house, by), language=language)
    if as_json:
        say_json(found)
        return
    say_fields(found, leave_out=("text", "html"))
    _say_body(found)


@command.command()
@click.argument("purpose")
@click.option("--item", "ref", default="", metavar="REF", help="The item whose values are shown; only an alarm needs none.")
@click.option("--language", default="", help="Such as en or fr; without it that of whoever would get it.")
@click.option("--file", type=click.Path(path_type=Path), help="A TOML file with subject, text, html, files: a text that is not saved yet.")
@as_option
@json_option
@click.pass_context
def preview(ctx: click.Context, purpose: str, ref: str, language: str, file: Path | None, by: str | None, as_json: bool) -> None:
    """The mail for PURPOSE as it would be for an item; nothing is sent."""
    template = _read(file, purpose, language) if file is not None else None
    with opened(ctx) as house:
        found = house.desk.preview_template(purpose, acting(house, by), ref=ref, language=language, template=template)
    if as_json:
        say_json(found)
        return
    for name, value in found["headers"]:
        say(f"{name}: {' '.join(value.split())}")
    for name in found["files"]:
        say(f"Attached: {name}")
    say()
    _say_body(found)
    for name in found["missing"]:
        click.echo(f"Warning: there is no file “{name}” on the desk; guichet file add --desk PATH puts one there.", err=True)
    for said in (found["note"], f"Not sent to this item now: {found['because']}." if found["because"] else ""):
        if said:
            click.echo(said, err=True)


@command.command()
@click.argument("purpose")
@json_option
@click.pass_context
def values(ctx: click.Context, purpose: str, as_json: bool) -> None:
    """What a text for PURPOSE may show."""
    from core.refusal import NotFound
    from gateway.outbound.template_values import PURPOSES, VALUES

    if purpose not in PURPOSES:
        raise NotFound(f"There is no template for “{purpose[:60]}”; there are {', '.join(PURPOSES)}.")
    say_table([{"value": value.name, "meaning": value.meaning} for value in VALUES if purpose in value.filled_in], ("value", "meaning"), as_json=as_json)


def _read(file: Path, purpose: str, language: str) -> dict[str, Any]:
    """The template in a file: its keys at the top, or the fitting one of a desk file. Raises Refused."""
    from core.refusal import Refused
    from gateway.toml_lines import TomlTrouble, read_toml

    try:
        if file.stat().st_size > LARGEST:
            raise Refused(f"{file} is larger than {LARGEST} bytes.")
        _, tables = read_toml(file)
    except OSError as fault:
        raise Refused(f"{file} cannot be read: {fault.strerror}.") from None
    except TomlTrouble as trouble:
        raise Refused(str(trouble)) from None
    listed = tables.get("mail_templates")
    if not isinstance(listed, list):
        return dict(tables)
    fitting = [one for one in listed if isinstance(one, dict) and one.get("purpose") == purpose and (not language or one.get("language") == language)]
    if not fitting:
        raise Refused(f"{file} has no mail template for “{purpose}”{f' in {language}' if language else ''}.")
    return dict(fitting[0])


def _say_body(found: dict[str, Any]) -> None:
    say(found["text"].rstrip())
    if found["html"]:
        say()
        say("HTML:")
        say(found["html"].rstrip())
