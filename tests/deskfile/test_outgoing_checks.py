"""What a desk file may say of all mail that leaves: blind copies, redirection, the default connector, the unmonitored address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.setup import Setup
from gateway.deskfile import checks
from gateway.deskfile.outgoing_checks import for_all_mail, warnings

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"bcc_all": ("help@demo.example",)}, "desk.bcc_all[1]", "address of ours"),
    ({"bcc_all": ("a@audit.example", "support+copy@demo.example")}, "desk.bcc_all[2]", "would come back as a new one"),
    ({"redirect_all": ("no-reply@demo.example",)}, "desk.redirect_all[1]", "address of ours"),
    ({"redirect_all": ("nonsense",)}, "desk.redirect_all[1]", "is no e-mail address"),
    ({"bcc_all": ("a@b.example\r\nX-Evil: 1",)}, "desk.bcc_all[1]", "is no e-mail address"),
    ({"bcc_all": ("a@audit.example", "A@AUDIT.example")}, "desk.bcc_all[2]", "is there twice"),
    ({"bcc_all": tuple(f"a{n}@audit.example" for n in range(21))}, "desk.bcc_all", "at most 20"),
]


@pytest.mark.parametrize(("more", "place", "words"), REFUSED)
def test_what_is_refused(example_setup: Setup, more: dict[str, Any], place: str, words: str) -> None:
    """C-GW-05: an address of ours would come back as mail; each refusal names its place, and it is among the checks of every desk."""
    setup = replace(example_setup, **more)
    (found,) = for_all_mail(setup)
    assert found[0] == place and words in found[1]
    assert for_all_mail in checks.CHECKS


def test_a_sane_desk_has_nothing_against_it(example_setup: Setup) -> None:
    """Addresses of others are fine, and nothing is warned of."""
    setup = replace(example_setup, bcc_all=("a@audit.example",))
    assert (list(for_all_mail(setup)), list(warnings(setup)), list(warnings(example_setup))) == ([], [], [])


def test_redirection_is_warned_of_loudly(example_setup: Setup) -> None:
    """C-GW-05: whoever checks or applies a desk that redirects is told; and that test items are held where the address is no test contact."""
    setup = replace(example_setup, redirect_all=("sink@test.example",))
    (found,) = warnings(setup)
    assert found[0] == "desk.redirect_all" and "EVERY mail goes to sink@test.example" in found[1]
    assert any("EVERY mail" in said for _, said in checks.warnings(setup))
    tested = replace(setup, test_contacts=("tester@demo.test",))
    assert [said.partition(",")[0] for _, said in warnings(tested)][1:] == ["mails of test items are held"]
    assert len(list(warnings(replace(tested, test_contacts=("sink@test.example",))))) == 1


def test_a_default_connector_that_is_switched_off(example_setup: Setup) -> None:
    """C-GW-02, C-GW-03: others that send by it wait, and notices leave as another address; where nobody leans on it nothing is said of them."""
    support, claims = example_setup.connectors
    off = replace(example_setup, connectors=(replace(support, enabled=False), replace(claims, direction="incoming")))
    assert any(path == "desk.default_connector" and "claims send by it" in said for path, said in warnings(off))
    both = replace(example_setup, connectors=(replace(support, enabled=False), claims))
    assert [path for path, _ in warnings(both)] == ["desk.unmonitored_address"]
    assert "notices leave by “support”, which is disabled; until it is enabled, they come from claims@demo.example" in next(said for _, said in warnings(both))
