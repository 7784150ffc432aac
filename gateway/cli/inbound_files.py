"""`guichet inbound attachments`, `attachment`, `html`, `link`: the files of a message, its HTML, and a link to see it safely."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.handing import hand_out, output_option
from gateway.cli.house import acting, as_option, json_option, opened
from gateway.cli.shown import say, say_table

COLUMNS = ("number", "name", "content_type", "sniffed", "size", "within", "danger")


@click.command("attachments")
@click.argument("id")
@as_option
@json_option
@click.pass_context
def attachments(ctx: click.Context, id: str, by: str | None, as_json: bool) -> None:
    """The files of a message, and why one is not handed out."""
    with opened(ctx) as house:
        found = house.desk.list_attachments(id, acting(house, by))
    say_table(found, COLUMNS, as_json=as_json)


@click.command("attachment")
@click.argument("id")
@click.argument("number", type=click.IntRange(1))
@output_option
@click.option("--anyway", is_flag=True, help="Also a file that is kept back as dangerous; one with a virus only for administrators.")
@as_option
@click.pass_context
def attachment(ctx: click.Context, id: str, number: int, output: Path | None, anyway: bool, by: str | None) -> None:
    """One file of a message, by its number in `inbound attachments`."""
    with opened(ctx) as house:
        found = house.desk.attachment(id, number, acting(house, by), anyway=anyway)
    if hand_out(found.content, output, still="the file is still in the message"):
        say(f"{output}: {len(found.content)} bytes of “{found.name}”.")


@click.command("html")
@click.argument("id")
@click.option("--remote-images", is_flag=True, help="With remote images as images: whoever opens it tells the sender so.")
@as_option
@click.pass_context
def html(ctx: click.Context, id: str, remote_images: bool, by: str | None) -> None:
    """The HTML of a message, sanitised."""
    with opened(ctx) as house:
        found = house.desk.html(id, acting(house, by), remote=remote_images)
    say(found)


@click.command("link")
@click.argument("id")
@click.option("--remote-images", is_flag=True, help="Load remote images: their senders learn when and where the mail was read.")
@as_option
@click.pass_context
def link(ctx: click.Context, id: str, remote_images: bool, by: str | None) -> None:
    """An address under which the message can be seen in a browser, for half an hour."""
    from gateway.web.frame_token import LIVES, Permission, issue

    with opened(ctx) as house:
        house.desk.html(id, acting(house, by))
        token = issue(house.keys, Permission(id, remote_images, house.clock.now() + LIVES))
        web = house.settings.web
    host = f"[{web.host}]" if ":" in web.host else web.host
    say(f"http://{host}:{web.port}/frame/{token}/page")


COMMANDS = (attachments, attachment, html, link)
