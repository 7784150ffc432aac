"""Whose lease it is: who is surely dead, and who may still be sending."""

from __future__ import annotations

import os

import pytest

from gateway.outbound.holders import is_dead


@pytest.mark.parametrize(
    ("holder", "dead"),
    [
        ("here/OURS/new", False),
        ("here/OURS/old", True),
        ("here/999999999/x", True),
        ("here/99999999999999999999999/x", False),
        ("here/PARENT/x", False),
        ("here/1/x", False),
        ("there/999999999/x", False),
        ("here/soon/x", False),
        ("somebody", False),
        ("", False),
    ],
)
def test_who_is_dead(holder: str, dead: bool) -> None:
    """Only a process of this machine that does not run, or had our number before us; of all others the lease must end by time."""
    named = holder.replace("OURS", str(os.getpid())).replace("PARENT", str(os.getppid()))
    assert is_dead(named, f"here/{os.getpid()}/new") is dead
