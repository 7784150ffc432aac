"""The command `guichet`: which commands there are, and which exit code each kind of trouble has; what a command does is in its own module.

Nothing but the standard library is imported before `main` runs: a pipe hook must not end with exit 1 (a bounce) because an import failed.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

EXIT_REFUSED = 2
EXIT_USAGE = 64
EXIT_LATER = 75
EXIT_SETTINGS = 78

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Make a small installation with sample data and serve it."),
    "init": ("init", "Make settings, a new database, its key file and the first administrator."),
    "serve": ("serve", "Serve: take mail in, process it, send, watch the clock."),
    "check": ("check", "Look at settings, database, broker, ports and connectors."),
    "config": ("config", "The desk as a file: apply, export; show the settings."),
    "receive": ("receive", "Store a mail from standard input (pipe hook of an MTA)."),
    "import": ("imports", "Store mails from files."),
    "explain": ("explain", "Show what would be done with a mail, writing nothing."),
    "connector": ("connector", "Mailboxes: list and state, test, consent (OAuth2), choose where to begin."),
    "route": ("route", "Routes: rehearse an edit on the last mails."),
    "inbound": ("inbound", "Inbound messages: list, show, replay, join, open, discard."),
    "outbox": ("outbox", "Outgoing mails: list, counts, show, sent, eml; edit, send now, retry, cancel, hold, release."),
    "item": ("item", "Work items: new, show, list, do, mail."),
    "draft": ("draft", "Mails that are begun on items: list, show, save, open, close, delete, send."),
    "file": ("file", "Files of items and of the desk: add, list, get, remove."),
    "template": ("template", "Texts of automatic mails: list, show, preview with a real item, values."),
    "canned": ("canned", "Texts that people put into their mails: list, show."),
    "suppressed": ("suppressed", "Addresses that get no automatic mail: list, remove."),
    "agent-mail": ("agent_mail", "What became of mails by agents, and of those in their names: list."),
    "user": ("user", "The people of the desk."),
    "secret": ("secret", "Passwords and private keys, kept encrypted: set, list, remove."),
    "dkim": ("dkim", "Keys that sign our mail: new, show, check, enable, disable, remove."),
    "rotate-keys": ("keys", "Add a new secret key; what older ones signed and encrypted goes on working."),
    "db": ("db", "The database: upgrade, current, backup, restore."),
    "docs": ("docs", "Draw the documents that are made from the code."),
}
"""Name → (module in this folder, one line of help). The modules are imported only when their command is used."""

EXITS: tuple[tuple[str, str, int], ...] = (
    ("core.refusal", "Refused", EXIT_REFUSED),
    ("core.transitions", "IllegalTransition", EXIT_REFUSED),
    ("gateway.deskfile.reading", "DeskTrouble", EXIT_REFUSED),
    ("gateway.settings_source", "SettingsTrouble", EXIT_SETTINGS),
    ("gateway.keys", "KeyTrouble", EXIT_SETTINGS),
    ("gateway.store.version", "VersionTrouble", EXIT_SETTINGS),
    ("gateway.cli.trouble", "Unusable", EXIT_SETTINGS),
    ("sqlalchemy.exc", "OperationalError", EXIT_LATER),
)
"""(module, exception, exit code). Only a module that was imported can have raised its exception."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if _is_receive(given):
        return _receive(given)
    try:
        return _run(given)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `guichet … | head`: nobody reads any more, and the interpreter must not complain about it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(given: list[str]) -> int:
    import click

    from gateway.cli.root import guichet

    try:
        result = guichet.main(given, prog_name="guichet", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.UsageError as wrong:
        wrong.show()
        return EXIT_USAGE
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort:
        return 130
    except click.ClickException as wrong:
        wrong.show()
        return EXIT_REFUSED
    except Exception as fault:  # the outer edge of the command line: known troubles become a sentence and a code, the rest is a bug and says so
        code = exit_code(fault)
        if code is None:
            raise
        print(sentence(fault), file=sys.stderr)  # noqa: T201  # errors go to stderr
        return code


def exit_code(fault: BaseException) -> int | None:
    """The exit code of a known trouble, None for a bug."""
    for module, name, code in EXITS:
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(fault, getattr(loaded, name)):
            return code
    return None


def sentence(fault: BaseException) -> str:
    """One line for the person; of a database fault only the driver's own words, never the statement."""
    original = getattr(fault, "orig", None)
    text = str(original or fault).strip().splitlines()
    line = text[0] if text else type(fault).__name__
    return f"guichet: the database cannot be used now: {line}" if original is not None else f"guichet: {line}"


def _is_receive(given: list[str]) -> bool:
    """Whether the command is `receive`: the first word that is neither an option nor an option's value."""
    words = iter(given)
    for word in words:
        if word in ("--config", "--set"):
            next(words, None)
        elif not word.startswith("-"):
            return word == "receive"
    return False


def _receive(given: list[str]) -> int:
    """The pipe hook: whatever happens that nobody foresaw is a passing fault (75), in one line, so that no mail bounces because of us."""
    asked_for_help = "--help" in given
    try:
        from gateway.cli.root import guichet

        result = guichet.main(given, prog_name="guichet", standalone_mode=False)
        return result if isinstance(result, int) else EXIT_LATER
    except BaseException as fault:  # see above; an MTA bounces on every other exit code
        code = getattr(fault, "exit_code", None)
        if asked_for_help and code == 0:
            return 0
        _one_line(f"4.3.0 guichet receive: a passing fault, please try again later ({type(fault).__name__})")
        return EXIT_LATER


def _one_line(text: str) -> None:
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr)  # noqa: T201  # what the MTA logs


if __name__ == "__main__":
    sys.exit(main())
