"""Whose lease it is: who is surely dead, and who may still be sending."""

from __future__ import annotations

import os

import pytest

from gateway.outbound.holders import is_dead

OWN = f"here/{os.getpid()}/new"


@pytest.mark.parametrize(
    ("holder", "dead"),
    [
        (OWN, False),
        (f"here/{os.getpid()}/old", True),
        ("here/999999999/x", True),
        ("here/99999999999999999999999/x", False),
        (f"here/{os.getppid()}/x", False),
        ("here/1/x", False),
        ("there/999999999/x", False),
        ("here/soon/x", False),
        ("somebody", False),
        ("", False),
    ],
)
def test_who_is_dead(holder: str, dead: bool) -> None:
    """Only a process of this machine that does not run, or had our number before us; of all others the lease must end by time."""
    assert is_dead(holder, OWN) is dead
