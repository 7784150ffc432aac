"""Faults of a connection as sentences that say what to do, and an end to every conversation; which protocol is spoken is beside this."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from gateway.connecting.report import Failed

MISREAD = (ValueError, TypeError, LookupError, AttributeError, AssertionError)
"""What the standard library's parsers raise when a server does not speak their protocol."""


def context_for(ca_file: str) -> ssl.SSLContext:
    """What is trusted: the system's certificates, or those of a file. Raises Failed."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as fault:
        raise Failed("settings", f"The certificates in {ca_file} cannot be read ({fault}). Set ca_file to a file of certificates in PEM.") from None


@contextlib.contextmanager
def connecting(where: str) -> Iterator[None]:
    """What goes wrong while a connection is opened. Raises Failed."""
    try:
        yield
    except ssl.SSLCertVerificationError as fault:
        raise Failed(
            "encryption",
            f"The certificate of {where} is not trusted: {fault.verify_message}. Use the name that stands in it as host, or name its authority with ca_file.",
        ) from None
    except ssl.SSLError as fault:
        raise Failed(
            "encryption", f"TLS with {where} failed ({fault.reason or fault}). Look at security and port: tls begins at once, starttls after a greeting in clear."
        ) from None
    except socket.gaierror:
        raise Failed("connection", f"The name in {where} cannot be found. Look at host, and whether this machine can ask the DNS.") from None
    except ConnectionRefusedError:
        raise Failed("connection", f"Nothing listens at {where}. Look at host and port.") from None
    except TimeoutError:
        raise Failed("connection", f"{where} does not answer in time. Look at host, port and security, and whether a firewall is between.") from None
    except OSError as fault:
        raise Failed("connection", f"No connection to {where}: {fault.strerror or fault}. Look at host and port.") from None
    except MISREAD:
        raise _nonsense("connection", where) from None


@contextlib.contextmanager
def talking(step: str, where: str) -> Iterator[None]:
    """What goes wrong in the middle of a conversation. Raises Failed."""
    try:
        yield
    except (OSError, EOFError) as fault:
        said = str(fault) or type(fault).__name__
        raise Failed(step, f"{where} broke the connection off or went silent ({said}). Try again; if it stays so, ask who runs it.") from None


    except MISREAD:
        raise _nonsense(step, where) from None


def _nonsense(step: str, where: str) -> Failed:
    return Failed(step, f"{where} says something that cannot be understood. Look at host, port and security: another service may listen there.")


@contextlib.contextmanager
def at_most(seconds: float, end: Callable[[], None]) -> Iterator[None]:
    """A server that says a byte now and then cannot hold us for ever: `end` is called from outside when time is up."""
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def cut(sock: socket.socket | None) -> None:
    """End a connection from another thread, so that whoever reads from it wakes up."""
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
