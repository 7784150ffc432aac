"""`guichet route`: the list, and another desk rehearsed over the mails that came last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Guichet, mail

Work = Callable[[], None]


@pytest.fixture
def desk(guichet: Guichet, ticket: str, bare: Path) -> Path:
    """The desk as a file, with one route more for invoices; a ticket and an invoice have come in."""
    assert guichet("config", "export", bare / "desk.toml").code == 0
    file = bare / "desk.toml"
    head, routes, rest = file.read_text("utf-8").partition("[[routes]]\n")
    more = '[[routes]]\nconnector = "support"\nname = "invoices"\nkind = "ordinary"\naddress = "support@demo.example"\neffect = "ignore"\n'
    file.write_text(f'{head}{more}[routes.when]\nsubject_words = ["invoice"]\n\n{routes}{rest}', "utf-8")
    return file


def test_rehearse(guichet: Guichet, desk: Path, work: Work) -> None:
    """A table with before and after, and the counts; nothing is changed by it; as JSON with the same."""
    assert guichet("receive", "--from", "alice@acme.example", "--to", "support@demo.example", stdin=mail("Invoice 7")).code == 0
    work()
    before = guichet("inbound", "list", "--json").json
    said = guichet("route", "rehearse", desk)
    assert said.code == 0, said.err
    assert said.out.splitlines()[-1] == "2 mails: 1 would change, unchanged 1."
    assert "Invoice 7" in said.out and "route “invoices” ignores it" in said.out
    found = guichet("route", "rehearse", desk, "--json").json
    assert (found["mails"], found["unchanged"], len(found["changes"])) == (2, 1, 1)
    assert found["changes"][0]["after"].startswith("ignore") and found["changes"][0]["before"].startswith("open ")
    assert guichet("inbound", "list", "--json").json == before
    assert guichet("route", "rehearse", desk, "--last", 1, "--since", "P1D", "--connector", "support", "--json").json["mails"] == 1


def test_dry_run_speaks_of_it(guichet: Guichet, desk: Path) -> None:
    """Whoever only looks at what a file would change is told how to see what it would do."""
    assert f"guichet route rehearse {desk}" in guichet("config", "apply", desk, "--dry-run").out


REFUSED = [(("--connector", "tea"), 2, "no connector “tea”"), (("--since", "tea"), 2, "no time"), (("--last", "0"), 64, "")]


@pytest.mark.parametrize(("arguments", "code", "said"), REFUSED)
def test_rehearse_refuses(guichet: Guichet, desk: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    """With a sentence."""
    done = guichet("route", "rehearse", desk, *arguments)
    assert (done.code, said in done.err) == (code, True)


def test_list(guichet: Guichet, installation: Path) -> None:
    """Every route in its order."""
    assert {"connector", "name", "kind", "process"} <= set(guichet("route", "list", "--json").json[0])
