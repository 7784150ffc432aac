"""`guichet connector consent`: a person logs in at the provider of a mailbox (OAuth2), here, on another machine or with a token had elsewhere."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import click

from gateway.cli.house import current_setup, opened
from gateway.cli.shown import say

if TYPE_CHECKING:
    from core.setup import Connector
    from gateway.bootstrap import House
    from gateway.oauth.application import Application
    from gateway.oauth.asking import Asking
    from gateway.oauth.consent import Answers


@click.command("consent")
@click.argument("name")
@click.option("--way", type=click.Choice(["incoming", "outgoing"]), default="incoming", help="Which side of the connector, if they are two applications.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Loopback port for the browser's answer, for `ssh -L`; 0 takes a free one.")
@click.option("--device", is_flag=True, help="Log in on another device with a short code (Microsoft; others with device_url).")
@click.option("--refresh-token", metavar="-", type=click.Choice(["-"]), help="Read a refresh token that you have from standard input.")
@click.pass_context
def consent(ctx: click.Context, name: str, way: str, port: int, device: bool, refresh_token: str | None) -> int:
    """Log in at the provider of a mailbox, so that Guichet may fetch and send in your place.

    Open the address that is printed in any browser. If it runs on this machine, that is all. Else it ends at an address that cannot be shown:
    paste that one here. What comes of it is stored encrypted.
    """
    from core.refusal import Refused
    from gateway.oauth.application import APP_ONLY, application_of
    from gateway.oauth.trouble import TokenTrouble

    with opened(ctx) as house:
        connector = current_setup(house).connector_named.get(name)
        if connector is None:
            raise Refused(f"There is no connector {name}; guichet connector list shows them.")
        if getattr(connector, way).get("auth", "password") == "password":
            raise Refused(f"Connector {name} logs in with a password; nobody's consent is needed. OAuth2 begins with auth = \"xoauth2\" in the desk file.")
        try:
            application = application_of(connector, way)
            if application.grant == APP_ONLY:
                raise Refused(f"Connector {name} logs in as an application (client_credentials): an administrator of the tenant grants that, nobody logs in here.")
            asking = house.tokens.asking(application)
            token = sys.stdin.readline().strip() if refresh_token else _had(house, application, asking, port=port, device=device)
            if not token:
                raise Refused("No refresh token was given.")
            _keep(house, connector, token, way)
        except TokenTrouble as trouble:
            raise Refused(str(trouble)) from None
    say(f"Connector {name} may log in now.")
    return 0


def _keep(house: House, connector: Connector, token: str, way: str) -> None:
    """Stored, and tried at once."""
    from gateway.store import connector_status
    from gateway.store.due import FETCHING

    house.tokens.consented(connector, token, way)
    with house.database.durable() as connection:
        connector_status.try_at_once(connection, (FETCHING + connector.name, connector.name))


def _had(house: House, application: Application, asking: Asking, *, port: int, device: bool) -> str:
    from core.refusal import Refused
    from gateway.oauth import consent as consents

    if device:
        if not application.device_url:
            raise Refused("This provider has no log-in on another device for mail; leave --device out.")
        return consents.on_device(asking, lambda url, code: click.echo(f"Open {url} on any device and type: {code}", err=True))
    if not application.authorize_url:
        raise Refused("Where a person logs in is not known; give authorize_url in the desk file.")
    try:
        answers = consents.Answers(port)
    except OSError as fault:
        raise Refused(f"Port {port} cannot be used: {fault.strerror}") from None
    with answers:
        page = consents.log_in(asking, house.clock, answers.port)
        click.echo(f"Open this address and log in as {application.user or 'the mailbox'}:\n\n{page.url}\n", err=True)
        click.echo("If the browser ends at an address that begins with http://localhost and cannot be shown, paste that address here.", err=True)
        threading.Thread(target=_read_pasted, args=(answers,), daemon=True).start()
        return consents.finish(asking, page, answers.wait())


def _read_pasted(answers: Answers) -> None:
    for line in sys.stdin:
        if line.strip():
            answers.paste(line)
            return
