"""`guichet serve`: the service, all roles in one process or one role per process; what runs is `gateway/serve.py`."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gateway.cli.house import require_installation, settings_of

if TYPE_CHECKING:
    from gateway.bootstrap import House
    from gateway.settings import Settings

ROLES = ("smtp", "lmtp", "submission", "poll", "worker", "dispatch", "scheduler", "web")
PORTS: Mapping[str, str] = {
    "smtp": "smtp.port (GUICHET_SMTP__PORT)",
    "lmtp": "lmtp.port (GUICHET_LMTP__PORT)",
    "submission": "submission.port (GUICHET_SUBMISSION__PORT)",
    "web": "web.port (GUICHET_WEB__PORT)",
}
"""Role that listens → where its port is chosen; its host and port are the settings of the same name."""


def _roles(_ctx: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(part.strip() for part in (value or ",".join(ROLES)).split(",") if part.strip()))
    strange = [role for role in chosen if role not in ROLES]
    if strange or not chosen:
        raise click.BadParameter(f"“{', '.join(strange)}” is no role here; possible: {', '.join(ROLES)}")
    return chosen


@click.command()
@click.option("--roles", callback=_roles, metavar="ROLE,…", help=f"Only these roles: {', '.join(ROLES)}. Without it all; lmtp if it is used, submission if enabled.")
@click.pass_context
def command(ctx: click.Context, roles: tuple[str, ...]) -> None:
    """Serve until SIGTERM or Ctrl-C.

    \b
    guichet serve
    guichet serve --roles smtp,web
    """
    from gateway import log
    from gateway.bootstrap import open_house
    from gateway.store.version import require_head

    settings = settings_of(ctx)
    require_installation(settings)
    log.configure(settings.log.level, settings.log.format)
    say_settings(settings)
    house = open_house(settings)
    try:
        with house.database.read() as connection:
            require_head(connection)
        if ctx.get_parameter_source("roles") is ParameterSource.DEFAULT and not _wants_lmtp(house):
            roles = tuple(role for role in roles if role != "lmtp")
        roles = _with_submission(settings, roles, asked=ctx.get_parameter_source("roles") is not ParameterSource.DEFAULT)
        require_free(settings, {role: where for role, where in PORTS.items() if role in roles})
        serve_or_say(house, roles)
    finally:
        house.close()


def _wants_lmtp(house: House) -> bool:
    """Whether somebody asked for the LMTP door: its settings say something, or a connector takes mail there. Two doors open on their own are one too many."""
    said = any(key.split(".")[0] == "lmtp" for key in house.settings.origins)
    return said or any(connector.incoming.get("kind") == "lmtp" for connector in house.setup().connectors)


def _with_submission(settings: Settings, roles: tuple[str, ...], *, asked: bool) -> tuple[str, ...]:
    """The roles as the submission door can be served. Raises Unusable where it is asked for and not enabled, and where nobody could log in."""
    from gateway.cli.trouble import Unusable

    if "submission" not in roles:
        return roles
    if not settings.submission.enabled:
        if asked:
            raise Unusable("The role “submission” is asked for, but its door is not enabled: set submission.enabled (GUICHET_SUBMISSION__ENABLED=true).")
        return tuple(role for role in roles if role != "submission")
    if settings.smtp.tls_certificate is None:
        raise Unusable("The submission door needs a certificate, or nobody can log in: set smtp.tls_certificate, or submission.enabled to false.")
    return roles


def say_settings(settings: Settings) -> None:
    """Every setting that is not a default, and where it comes from, secrets dotted."""
    import logging

    from gateway.settings_source import shown

    log = logging.getLogger("guichet.settings")
    for key, value, origin in shown(settings):
        if origin != "default":
            log.info("setting", extra={"key": key, "value": value, "origin": origin})


def require_free(settings: Settings, ports: Mapping[str, str]) -> None:
    """One sentence for a port in use, before anything else is done. Raises Unusable."""
    from gateway.cli.trouble import Unusable

    for role, where in ports.items():
        if role == "lmtp" and settings.lmtp.socket is not None:
            continue
        host, port = getattr(settings, role).host, getattr(settings, role).port
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError as fault:
            raise Unusable(f"Port {port} on {host} cannot be used ({(fault.strerror or str(fault)).lower()}); choose another one with {where}.") from None


def serve_or_say(house: object, roles: tuple[str, ...], **more: object) -> None:
    """Serve; a port in use or a certificate that cannot be read is a sentence. Raises Unusable."""
    import ssl

    from gateway.cli.trouble import Unusable
    from gateway.serve import serve

    try:
        serve(house, roles, **more)  # type: ignore[arg-type]  # a House
    except ssl.SSLError as fault:
        raise Unusable(f"The TLS certificate or key cannot be used: {fault.reason or fault}.") from None
    except OSError as fault:
        said = f"{fault.filename}: {fault.strerror}" if fault.filename else fault.strerror or fault
        raise Unusable(f"The service cannot start: {said}.") from None
