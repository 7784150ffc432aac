"""People's own choices in a desk file: what is refused, that they are written and read again, and that a file that is silent leaves them alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.by_mail import ByMail, Occasion
from core.setup import Setup
from core.setup_parts import diff
from gateway.deskfile import DeskTrouble, read_desk, write_desk
from tests.by_mail.signing import around, certificate, pem, private_key
from tests.deskfile.test_reading import DEMO

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
QUEUE = 'queues = ["First line", "Claims"]\nlanguage = "en"'
"""Stands in Ann's table of the demo, and nowhere else."""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Where a desk file is written."""
    return tmp_path / "desk.toml"


def with_ann(file: Path, more: str, below: str = "") -> Path:
    """The demo's desk with more keys in Ann's table, and a table below it."""
    text = DEMO.read_text("utf-8")
    assert QUEUE in text
    text = text.replace(QUEUE, f"{QUEUE}\n{more}", 1).replace('undo_send = "PT10S"\n', f'undo_send = "PT10S"\n{below}\n', 1)
    file.write_text(text, "utf-8")
    return file


def chosen(setup: Setup, **more: object) -> Setup:
    """The setup in which Ann chose something."""
    return replace(setup, users=(replace(setup.users[0], **more), *setup.users[1:]))  # type: ignore[arg-type]


def test_they_are_read(desk: Path) -> None:
    """A TOML date and time or a text, with its zone; the table of what is told by mail."""
    below = '[users.by_mail]\nat_once = ["failed"]\ndigest = ["in_queue"]\ndigest_at = "17:00"\nundo = "PT5M"\nconfirm = false'
    ann = read_desk(with_ann(desk, 'absent_until = 2026-12-01T09:00:00+01:00\ndeputy = "bob@demo.example"', below)).setup.users[0]
    assert ann.absent_until == datetime(2026, 12, 1, 8, 0, tzinfo=UTC) and ann.deputy == "bob@demo.example"
    assert ann.by_mail == ByMail((Occasion.FAILED,), (Occasion.IN_QUEUE,), "17:00", timedelta(minutes=5), False)
    assert read_desk(with_ann(desk, 'absent_until = "2026-12-01T09:00:00+01:00"')).setup.users[0].absent_until == ann.absent_until


@pytest.mark.parametrize(
    ("more", "below", "said"),
    [
        ("absent_until = 2026-12-01T09:00:00", "", "users[1].absent_until: a date and time with its zone"),
        ("absent_until = 2026-12-01", "", "users[1].absent_until: a date and time with its zone"),
        ('deputy = "bo@demo.example"', "", "users[1].deputy: “bo@demo.example” is the e-mail of no user"),
        ('deputy = "Ann@demo.example"', "", "users[1].deputy: nobody is their own deputy"),
        ("", '[users.by_mail]\ndigest_at = "8:00"', "users[1].by_mail.digest_at: “8:00” is no time of day"),
        ("", '[users.by_mail]\nundo = "PT2H"', "users[1].by_mail.undo: PT0S to PT1H is expected"),
        ("", '[users.by_mail]\nat_once = ["all"]', "'all' is not one of assigned"),
        ("", '[users.by_mail]\nat_once = ["failed", "failed"]', "users[1].by_mail.at_once: an occasion is there twice"),
        ("", '[users.by_mail]\ndigest = ["failed"]', "“failed” is told at once already"),
        ("", '[users.by_mail]\nsigning_keys = ["x"]', "users[1].by_mail.signing_keys[1]: this is neither a certificate"),
        ("", f"[users.by_mail]\nsigning_keys = {['x'] * 6}", "at most 5 keys"),
        ("", "[users.by_mail]\nloud = true", "users[1].by_mail.loud: unknown key"),
    ],
)
def test_what_is_refused(desk: Path, more: str, below: str, said: str) -> None:
    """One sentence that names file, line and key."""
    with pytest.raises(DeskTrouble) as refused:
        read_desk(with_ann(desk, more, below))
    assert said in str(refused.value) and ", line " in str(refused.value)


def test_written_and_read_again(desk: Path) -> None:
    """`config export` writes them, and only where somebody chose."""
    key = pem(certificate(private_key("rsa-ann"), *around(NOW)))
    plain = read_desk(DEMO).setup
    assert "by_mail" not in write_desk(plain) and "absent" not in write_desk(plain)
    setup = chosen(
        plain,
        absent_until=NOW,
        deputy="bob@demo.example",
        signature="Ann\n-- \nDesk",
        by_mail=ByMail((), (Occasion.IN_QUEUE,), "07:15", timedelta(0), False, (key,)),
    )
    desk.write_text(write_desk(setup), "utf-8")
    again = read_desk(desk)
    assert again.setup == setup
    assert again.over(plain) == setup, "and what is named is applied"


def test_a_silent_file_leaves_them_alone(desk: Path) -> None:
    """What people chose since is no difference: neither a dry run shows it nor does applying take it away."""
    key = pem(certificate(private_key("rsa-ann"), *around(NOW)))
    file = read_desk(DEMO)
    own = ByMail(at_once=(), digest=(Occasion.IN_QUEUE,), signing_keys=(key,))
    current = chosen(file.setup, absent_until=NOW, deputy="bob@demo.example", signature="Ann", signature_html="<p>Ann</p>", by_mail=own)
    assert diff(current, file.over(current)) == ()
    named = read_desk(with_ann(desk, 'signature = ""', '[users.by_mail]\nat_once = ["in_queue"]'))
    ann = named.over(current).users[0]
    assert (ann.signature, ann.signature_html, ann.deputy) == ("", "<p>Ann</p>", "bob@demo.example"), "key by key"
    assert (ann.by_mail.at_once, ann.by_mail.digest, ann.by_mail.signing_keys) == ((Occasion.IN_QUEUE,), (), (key,)), "and told once"


def test_whoever_comes_and_goes(desk: Path) -> None:
    """A deputy whom the file no longer has is not kept; who comes back begins anew, without old keys."""
    file = read_desk(DEMO)
    current = chosen(file.setup, deputy="bob@demo.example")
    without = replace(file, setup=replace(file.setup, users=tuple(user for user in file.setup.users if not user.email.startswith("bob"))))
    assert without.over(current).users[0].deputy == ""
    left = chosen(file.setup, signature="Ann", active=False)
    assert file.over(left).users[0].signature == ""
