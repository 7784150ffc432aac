"""OpenPGP signatures (RFC 3156, RFC 9580), verified by Sequoia where the extra “pgp” is installed; whose key it must be is `signed_by.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

LARGEST_SIGNATURE = 64_000
"""Bytes of a detached signature; real ones have some hundreds."""

FAULTS = (ValueError, RuntimeError, OSError, TypeError, OverflowError)
"""How the library says no."""

Answer = TypeVar("Answer")


class Panic(Exception):
    """The library gave up in a way of its own."""


def calmly(ask: Callable[[], Answer]) -> Answer:
    """What the library answers. A panic of it, which is no `Exception`, must not take the worker with it: raises Panic."""
    try:
        return ask()
    except BaseException as fault:
        if type(fault).__name__ == "PanicException":
            raise Panic(str(fault)[:200]) from fault
        raise


def signed_at(content: bytes, signature: bytes, certificates: list[Any]) -> datetime | None:
    """When a detached signature over this content was made (aware UTC, as it claims), if one of the certificates made it; else None.

    Old digests, keys that had ended or were revoked, and signatures that ended are refused by the library's policy.
    """
    if not certificates or len(signature) > LARGEST_SIGNATURE:
        return None
    from pysequoia import Sig, verify

    try:
        one = calmly(lambda: Sig.from_bytes(signature))
        found = calmly(lambda: verify(bytes=content, store=lambda _: certificates, signature=one))
        known = {str(certificate.fingerprint).lower() for certificate in certificates}
        by_them = any(str(valid.certificate).lower() in known for valid in found.valid_sigs)
    except (Panic, *FAULTS):
        return None
    made: datetime | None = one.created
    return made.astimezone(UTC) if by_them and made is not None else None
