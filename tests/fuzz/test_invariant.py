"""Any bytes give a mail that is classified and matched: mails broken in the ways that mails are broken, and families made to be expensive."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.hostile import FAMILIES
from bench.house import ROOT
from bench.invariant import LARGEST, hold
from bench.mutation import WAYS, mutated, seeds

SEEDS = seeds()
PLACES = st.integers(min_value=0, max_value=len(SEEDS) - 1)


def broken(one: int, other: int, seed: int) -> bytes:
    return mutated(SEEDS[one], SEEDS[other], random.Random(seed))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLACES, PLACES, st.integers(min_value=0, max_value=2**32))
def test_broken_mails(one: int, other: int, seed: int) -> None:
    """decisions.md 12: spliced, cut, bent and doubled, a real mail is still a mail with a verdict; nothing is raised."""
    hold(broken(one, other, seed))


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLACES, PLACES, st.integers(min_value=0, max_value=2**32))
def test_broken_mails_all_night(one: int, other: int, seed: int) -> None:
    """The same with a night's patience."""
    hold(broken(one, other, seed))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=5_000), PLACES)
def test_bytes_in_a_mail(noise: bytes, place: int) -> None:
    """Whatever stands between two halves of a mail, it is read."""
    raw = SEEDS[place]
    half = len(raw) // 2
    hold(raw[:half] + noise + raw[half:])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_every_way_to_break_one_breaks_it(way) -> None:  # type: ignore[no-untyped-def]
    """The mutations do something to a mail, so that the tests above test something."""
    dice = random.Random(3)
    raw = SEEDS[0]
    assert any(way(raw, SEEDS[-1], dice) != raw for _ in range(20))


def test_families_are_as_large_as_they_should_be() -> None:
    """Most of the expensive families are five megabytes of it, and none is more."""
    sizes = {name: len(make()) for name, make in FAMILIES.items()}
    assert max(sizes.values()) <= LARGEST + 1_000
    assert sum(size > LARGEST * 0.9 for size in sizes.values()) > 0.8 * len(sizes)


@pytest.mark.timeout(600)
def test_expensive_families() -> None:
    """Each family of five megabytes costs at most two seconds of CPU and 200 MB, in a process of its own; a slow moment is looked at once more."""
    done = subprocess.run([sys.executable, "-m", "bench.hostile"], cwd=ROOT, capture_output=True, text=True, check=False)
    over = [line.partition(" MB  ")[2] for line in done.stdout.splitlines() if line.startswith("NO ")]
    if over:
        done = subprocess.run([sys.executable, "-m", "bench.hostile", *over], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
