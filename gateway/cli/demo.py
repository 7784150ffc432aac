"""`guichet demo`: makes the demo's installation (`gateway/demo.py`), serves it, and says what to do with it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.shown import say

if TYPE_CHECKING:
    from gateway.settings import Settings


@click.command()
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path("guichet-demo"), show_default=True, help="Where it lives.")
@click.option("--smtp-port", type=click.IntRange(1, 65535), default=None, help="Port of the SMTP door.  [default: 2525]")
@click.option("--lmtp-port", type=click.IntRange(1, 65535), default=None, help="Port of the LMTP door.  [default: 2424]")
@click.option("--web-port", type=click.IntRange(1, 65535), default=None, help="Port of the web server.  [default: 8080]")
@click.option("--submission-port", type=click.IntRange(1, 65535), default=None, help="Port of the door for agents' mail programs.  [default: 5870]")
@click.pass_context
def command(ctx: click.Context, folder: Path, smtp_port: int | None, lmtp_port: int | None, web_port: int | None, submission_port: int | None) -> None:
    """A complete small installation with sample data, on loopback; Ctrl-C stops it, a second start goes on where it was.

    \b
    guichet demo
    guichet demo --dir /tmp/try --smtp-port 2626 --lmtp-port 2727 --web-port 8181 --submission-port 5871
    """
    from gateway import log
    from gateway.bootstrap import open_house
    from gateway.cli.init import make_ready
    from gateway.cli.serve import ROLES, require_free, serve_or_say
    from gateway.cli.trouble import Unusable
    from gateway.clock import SystemClock
    from gateway.demo import SAMPLES, Ports, fill_desk, play_samples, write_settings
    from gateway.demo_door import furnish
    from gateway.settings_source import load_settings

    ports = {"smtp": smtp_port, "lmtp": lmtp_port, "web": web_port, "submission": submission_port}
    chosen: dict[str, dict[str, object]] = {name: {"port": port} for name, port in ports.items() if port}
    if web_port:
        chosen["web"]["public_url"] = f"http://127.0.0.1:{web_port}"
    try:
        wanted = Ports(smtp_port or Ports.smtp, lmtp_port or Ports.lmtp, web_port or Ports.web, submission_port or Ports.submission)
        file = write_settings(folder, wanted)
        furnish(folder, SAMPLES, SystemClock().now())
    except OSError as fault:
        raise Unusable(f"{fault.filename or folder} cannot be written: {fault.strerror}.") from None
    settings = load_settings(file, chosen)
    log.configure(settings.log.level, settings.log.format)
    doors = ["smtp", "lmtp", "web", *(["submission"] if settings.submission.enabled else [])]
    require_free(settings, {door: f"--{door}-port" for door in doors})
    database = make_ready(settings)
    try:
        passwords = fill_desk(database, folder, SystemClock())
    finally:
        database.dispose()
    house = open_house(settings)
    try:
        serve_or_say(house, ROLES, ready=lambda: welcome(settings, folder, passwords, play_samples(house)))
    finally:
        house.close()
    say("Stopped. Start it again and it goes on where it was.")


def welcome(settings: Settings, folder: Path, passwords: dict[str, str], played: int) -> None:
    """What is there, and what to try."""
    from gateway.demo_door import CERTIFICATE, PROGRAM

    me, smtp, web = _myself(), f"{settings.smtp.host}:{settings.smtp.port}", f"http://{settings.web.host}:{settings.web.port}"
    say()
    say(f"The demo of Guichet is running in {folder}. Ctrl-C stops it.")
    say()
    say(f"  Mail in    SMTP on {smtp}, for support@demo.example, help@demo.example and claims@demo.example")
    say(f"             LMTP on {settings.lmtp.host}:{settings.lmtp.port}, for the same")
    say(f"  Mail out   {folder / 'outgoing'} (a Maildir; nothing leaves this machine)")
    if settings.submission.enabled:
        door = f"{settings.submission.host}:{settings.submission.port}"
        say(f"  Agents     SMTP on {door} with STARTTLS; their e-mail address and password; the certificate is {folder / CERTIFICATE}")
    say(f"  Health     {web}/healthz, {web}/readyz, {web}/metrics")
    say(f"  People     passwords are in {folder / 'passwords.txt'}")
    for email, password in passwords.items():
        say(f"             {email}  {password}")
    if played:
        say(f"  To begin   {played} sample mails have come in")
    say()
    say("There are no pages to log in to in this version; everything is done by commands, in another terminal:")
    say()
    say(f"  export GUICHET_CONFIG={shlex.quote(str((folder / 'guichet.toml').absolute()))}")
    for line in ("item list", "item list --as ann@demo.example --json", "inbound list", "outbox list", "check", "--help"):
        say(f"  {me} {line}")
    say()
    say("Send a mail:")
    say()
    say(f"  swaks --server {smtp} --from you@acme.example --to support@demo.example --header 'Subject: Hello' --body 'Is anybody there?'")
    say("  or, with nothing but Python:")
    text = r"From: you@acme.example\r\nTo: support@demo.example\r\nSubject: Hello\r\n\r\nIs anybody there?"
    send = f"smtplib.SMTP('{settings.smtp.host}', {settings.smtp.port}).sendmail('you@acme.example', ['support@demo.example'], '{text}')"
    say(f'  python3 -c "import smtplib; {send}"')
    say()
    if settings.submission.enabled:
        say("Work by mail, as Ann: give her an item, read what she is told, and answer it:")
        say()
        say(f"  {me} item do 101001-T assign --to ann@demo.example --as lea@demo.example")
        program = shlex.quote(str(folder / PROGRAM))
        for words in ("", ' "#wait 3d" "Which order do you mean?"', ' "#help"'):
            say(f"  python3 {program}{words}")
        say()
    sys.stdout.flush()


def _myself() -> str:
    """How this command is called in another terminal."""
    called = Path(sys.argv[0])
    if shutil.which("guichet") == str(called.absolute()):
        return "guichet"
    here = called.absolute()
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)
