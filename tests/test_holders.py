"""Whose lease it is: who is surely dead, and who may still be at work."""

from __future__ import annotations

import os
import socket

import pytest

from gateway.holders import is_dead, living, new_holder

HOST = socket.gethostname()[:40]


@pytest.mark.parametrize(
    ("holder", "dead"),
    [
        (f"{HOST}/{os.getpid()}/old", True),
        (f"{HOST}/999999999/x", True),
        (f"{HOST}/99999999999999999999999/x", True),
        (f"{HOST}/{os.getppid()}/x", False),
        (f"{HOST}/1/x", False),
        ("there/999999999/x", False),
        (f"{HOST}/soon/x", False),
        (f"{HOST}/999999999", False),
        ("somebody", False),
        ("", False),
    ],
    ids=["our number", "not running", "no such number", "our parent", "the first", "another machine", "no number", "two parts", "one part", "nothing"],
)
def test_who_is_dead(holder: str, dead: bool) -> None:
    """Only a process of this machine that does not run, or had our number before us; of all others the lease must end by time."""
    assert is_dead(holder) is dead


def test_nobody_of_this_process_is_dead() -> None:
    """Several houses may live in one process: each says so, and none takes the leases of another."""
    one, other = new_holder("one"), new_holder("other")
    living(one)
    assert (is_dead(one), is_dead(other)) == (False, True)
