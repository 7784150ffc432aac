"""A TCP connection to a server by its name, whatever number of addresses it has; what is said over it is `wire.py`."""

from __future__ import annotations

import socket
import time


def connected(host: str, port: int, until: float) -> socket.socket:
    """To the first address of `host` that answers; all of them together have until `until` (seconds of `time.monotonic`). Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError(f"“{host}” is not the name of a server") from None
    fault = OSError(f"{host} has no address")
    for *_, address in found:
        try:
            return socket.create_connection((str(address[0]), port), timeout=max(0.001, until - time.monotonic()))
        except OSError as refused:
            fault = refused
    raise fault
