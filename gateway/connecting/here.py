"""Trying the ways in and out that need no server of others: a door of ours, and a Maildir on this machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from core.setup import Connector
from gateway.connecting.network import connecting, talking
from gateway.connecting.report import Failed, Trial
from gateway.connecting.surroundings import Door, Surroundings

GREETINGS = {"smtp": (b"EHLO", "ESMTP"), "lmtp": (b"LHLO", "LMTP")}
PARTS = ("new", "cur", "tmp")
MAX_GREETING = 4096


def door(trial: Trial, connector: Connector, around: Surroundings) -> None:
    """Something listens where our door should be, and it greets as ours does. Raises Failed."""
    found = around.doors[str(connector.incoming.get("kind"))]
    trial.done("settings", f"mail for {', '.join((connector.address, *connector.aliases))} is taken at the {found.kind.upper()} door, {found}")
    greeting = _greeting(trial, found, around)
    if greeting[:4] != "220 " or greeting.split()[-1:] != [GREETINGS[found.kind][1]]:
        raise Failed("door", f"At {found} answers something else than the {found.kind.upper()} door of Guichet. Stop that, or choose another port.")
    trial.done("door", f"{found} answers")


def _greeting(trial: Trial, found: Door, around: Surroundings) -> str:
    advice = f"Nothing listens at {found}. Is `guichet serve` running with role {found.kind}?"
    try:
        with connecting(str(found)), _opened(found, around.patience) as sock, talking("door", str(found)):
            line = sock.makefile("rb").readline(MAX_GREETING)
            trial.protocol.server(line)
            trial.protocol.client(b"QUIT")
            sock.sendall(b"QUIT\r\n")
    except Failed as failed:
        raise Failed("door", advice if failed.step == "connection" else str(failed)) from None
    return line.decode("ascii", "replace").strip()


def _opened(found: Door, patience: float) -> socket.socket:
    if found.socket is None:
        return socket.create_connection((reached(found.host), found.port), timeout=patience)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(patience)
    try:
        sock.connect(str(found.socket))
    except OSError:
        sock.close()
        raise
    return sock


def reached(host: str) -> str:
    """How this machine reaches what listens on a host of its own."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def maildir_in(trial: Trial, connector: Connector, around: Surroundings) -> None:
    """The Maildir is there, and its mails can be read and moved or deleted. Raises Failed."""
    path = around.folder / str(connector.incoming.get("path"))
    absent = [part for part in PARTS if not (path / part).is_dir()]
    if absent:
        missing = f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} missing"
        raise Failed("maildir", f"{path} is no Maildir: {missing}. Look at path, or let the program that delivers there make it.")
    closed = [part for part in PARTS if not os.access(path / part, os.R_OK | os.W_OK | os.X_OK)]
    if closed:
        raise Failed("maildir", f"{path}/{closed[0]} cannot be read and written by Guichet. Give its user the right to, for mails move from new to cur.")
    try:
        waiting = sum(1 for _ in os.scandir(path / "new"))
    except OSError as fault:
        raise Failed("maildir", f"{path}/new cannot be read: {fault.strerror}. Give Guichet's user the right to.") from None
    trial.done("maildir", f"{path} can be read and written, {waiting} mails are new")


def maildir_out(trial: Trial, connector: Connector, around: Surroundings) -> None:
    """The folder that mails are written into is there, or can be made. Raises Failed."""
    path = around.folder / str(connector.outgoing.get("path", ""))
    existing = next(one for one in (path, *path.parents) if one.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        raise Failed("maildir", f"{path} cannot be written. Give Guichet's user the right to write {existing}, or choose another path.")
    trial.done("maildir", f"{_place(path)} can be written")


def _place(path: Path) -> str:
    return str(path.absolute())
