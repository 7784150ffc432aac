"""`guichet dkim`: keys that sign our mail and the DNS records that belong to them; what is done is `gateway/desk_dkim.py`."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.house import acting, as_option, json_option, opened
from gateway.cli.shown import say, say_fields, say_json, say_table

COLUMNS = ("domain", "selector", "kind", "enabled", "name", "trouble")


@click.group()
def command() -> None:
    """Keys that sign our mail (DKIM), so that receivers see it is ours.

    \b
    guichet dkim new your.example                 makes a key and prints the DNS record
    guichet dkim check your.example               after you have published it
    guichet dkim enable your.example g20261122    from now on it signs
    To change a key: new, publish, check, enable; then disable the old one, and a
    week later remove it and its DNS record. The two may sign at the same time.
    """


@command.command()
@click.argument("domain")
@click.option("--selector", default="", help="Its name in the DNS; without it one is made of the date.")
@click.option("--type", "kind", type=click.Choice(["rsa", "ed25519"]), default="rsa", show_default=True, help="Ed25519 only besides RSA: not all receivers know it.")
@as_option
@json_option
@click.pass_context
def new(ctx: click.Context, domain: str, selector: str, kind: str, by: str | None, as_json: bool) -> None:
    """Make a key for mail from DOMAIN, switched off, and print the DNS record to publish."""
    with opened(ctx) as house:
        made = house.dkim_desk.new(domain, acting(house, by), selector=selector, kind=kind)
    if as_json:
        say_json(made)
        return
    say(f"A new key for {made['domain']}, not yet in use. Publish this TXT record:\n")
    _say_record(made)
    say(f"\nThen: guichet dkim check {made['domain']} && guichet dkim enable {made['domain']} {made['selector']}")
    say("If you keep the desk in a file, take the key into it, or the next config apply removes it (guichet config export shows it under dkim_keys).")


@command.command()
@click.argument("domain", required=False, default="")
@as_option
@json_option
@click.pass_context
def show(ctx: click.Context, domain: str, by: str | None, as_json: bool) -> None:
    """All keys, or those of DOMAIN with their DNS records. A private key is never shown."""
    with opened(ctx) as house:
        found = house.dkim_desk.show(acting(house, by), domain)
    if as_json or not domain or not found:
        say_table(found, COLUMNS, as_json=as_json)
        return
    for number, key in enumerate(found):
        if number:
            say()
        say_fields(key, leave_out=("strings", "zone", "record", "name"))
        if "record" in key:
            _say_record(key)


@command.command()
@click.argument("domain")
@as_option
@json_option
@click.pass_context
def check(ctx: click.Context, domain: str, by: str | None, as_json: bool) -> int:
    """Ask the DNS whether the records of DOMAIN fit the keys. Exit 2 if one that is enabled does not, or none at all does."""
    with opened(ctx) as house:
        found = house.dkim_desk.check(acting(house, by), domain)
    if as_json:
        say_json(found)
    else:
        for key in found:
            say(f"{key['selector']}  {'enabled ' if key['enabled'] else 'disabled'}  {key['dns']}: {key['said']}")
    fits = [key["dns"] == "fine" for key in found]
    return 0 if any(fits) and all(fit for fit, key in zip(fits, found, strict=True) if key["enabled"]) else 2


def _switch(name: str, enabled: bool, text: str, done: str) -> click.Command:
    @click.command(name, help=text)
    @click.argument("domain")
    @click.argument("selector")
    @click.option("--force", is_flag=True, help="Without looking at the DNS.", hidden=not enabled)
    @as_option
    @json_option
    @click.pass_context
    def deed(ctx: click.Context, domain: str, selector: str, force: bool, by: str | None, as_json: bool) -> None:
        with opened(ctx) as house:
            key = house.dkim_desk.switch(domain, selector, acting(house, by), enabled=enabled, anyway=force)
        if as_json:
            say_json(key)
        else:
            say(f"The key {key['selector']} of {key['domain']} {done}")

    return deed


_SIGNS = "signs from now on, also mails that wait and were not tried yet."
_SIGNS_NO_MORE = "signs no more. Leave its DNS record for a week: mail on its way is verified with it."
command.add_command(_switch("enable", True, "Sign mail with a key; refused while the DNS does not hold it.", _SIGNS))
command.add_command(_switch("disable", False, "Sign no more mail with a key.", _SIGNS_NO_MORE))


@command.command()
@click.argument("domain")
@click.argument("selector")
@click.option("--force", is_flag=True, help="Also while it signs.")
@as_option
@json_option
@click.pass_context
def remove(ctx: click.Context, domain: str, selector: str, force: bool, by: str | None, as_json: bool) -> None:
    """Take a key off the desk and forget its private part for good."""
    with opened(ctx) as house:
        gone = house.dkim_desk.remove(domain, selector, acting(house, by), anyway=force)
    if as_json:
        say_json(gone)
    else:
        say(f"The key {gone['selector']} of {gone['domain']} is gone. A week later, take {gone['name']} out of the DNS.")


def _say_record(key: dict[str, Any]) -> None:
    """In one line, as most providers' pages want it, and as a zone file has it."""
    say(f"{key['name']}  TXT  {key['record']}")
    if len(key["strings"]) > 1:
        say(f"\nIn a zone file, in strings of 255 bytes:\n{key['zone']}")
