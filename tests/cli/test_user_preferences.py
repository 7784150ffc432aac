"""`guichet user absent`, `notify`, `signing-key`, and `config apply` beside them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.by_mail.signing import around, certificate, pem, private_key
from tests.cli.conftest import Guichet

ANN = "ann@demo.example"
AS = ("--as", ANN)


def test_absent(guichet: Guichet, installation: Path) -> None:
    """Away in one's own zone, shown so, back again; others may not; wrong usage and past times are told apart."""
    said = guichet("user", "absent", ANN, "--until", "2099-12-01T09:00", "--deputy", "bob@demo.example", *AS)
    assert (said.code, said.out) == (0, f"{ANN} is absent until 2099-12-01 09:00:00 CET. What wakes goes to bob@demo.example.\n")
    assert guichet("user", "absent", ANN, "--json").json["absent_until"] == "2099-12-01T08:00:00+00:00"
    assert guichet("user", "absent", ANN, "--back", *AS).out == f"{ANN} is there. Deputy: bob@demo.example.\n"
    assert guichet("user", "absent", ANN, "--no-deputy", *AS).out == f"{ANN} is there. Deputy: nobody.\n"
    assert guichet("user", "absent", ANN, "--back", "--as", "bob@demo.example").code == 2
    assert guichet("user", "absent", ANN, "--until", "2020-01-01").code == 2
    assert guichet("user", "absent", ANN, "--until", "P1D", "--back").code == 64


def test_assigned_to_whoever_is_away(guichet: Guichet, ticket: str) -> None:
    """The item is theirs, and a warning says that they are away."""
    guichet("user", "absent", ANN, "--until", "P3D", *AS)
    said = guichet("item", "do", ticket, "assign", "--to", ANN)
    assert said.code == 0 and "Warning: Ann Agent is absent until" in said.err


def test_notify(guichet: Guichet, installation: Path) -> None:
    """Shown, changed in part, refused with the words there are."""
    assert "at once: assigned, new_information, failed, at_risk, overdue" in guichet("user", "notify", ANN, "--show").out
    said = guichet("user", "notify", ANN, "--digest", "in_queue, at_risk", "--digest-at", "07:30", "--no-confirm", "--undo", "PT5M", *AS)
    assert said.out == (
        "at once: assigned, new_information, failed, overdue\ndigest at 07:30: in_queue, at_risk\nconfirmations: no; answers by mail wait PT5M\n"
    )
    assert guichet("user", "notify", ANN, "--at-once", "", "--json").json["at_once"] == []
    refused = guichet("user", "notify", ANN, "--at-once", "all")
    assert refused.code == 2 and "assigned, new_information" in refused.err
    assert guichet("user", "notify", ANN, "--undo", "2 minutes").code == 64


def test_signing_key(guichet: Guichet, installation: Path, tmp_path: Path) -> None:
    """Added from a file or standard input, listed with fingerprint and validity, removed; a private key is refused and not kept."""
    one = certificate(private_key("rsa-ann"), *around(datetime.now(UTC)))
    file = tmp_path / "ann.crt"
    file.write_text(pem(one), "ascii")
    assert guichet("user", "signing-key", ANN, "--add", file, *AS).code == 0
    listed = guichet("user", "signing-key", ANN, "--json").json
    assert [(key["number"], key["kind"], key["names"]) for key in listed] == [(1, "smime", [ANN])]
    assert listed[0]["fingerprint"] in guichet("user", "signing-key", ANN, "--list").out
    assert guichet("user", "signing-key", ANN, "--add", "-", stdin=b"-----BEGIN PRIVATE KEY-----\nxx").err.count("private key") == 1
    assert guichet("user", "signing-key", ANN, "--remove", "2").code == 2
    assert guichet("user", "signing-key", ANN, "--remove", "1", "--json").json == []


def test_config_apply_keeps_what_people_chose(guichet: Guichet, installation: Path, tmp_path: Path) -> None:
    """The file of before, applied again, changes nothing of theirs, and its dry run shows nothing; exported, everything is in it."""
    before = tmp_path / "before.toml"
    before.write_text(guichet("config", "export").out, "utf-8")
    (tmp_path / "signature.txt").write_text("Ann, Support", "utf-8")
    guichet("user", "signature", ANN, "--text", tmp_path / "signature.txt", *AS)
    guichet("user", "absent", ANN, "--until", "2099-12-01T09:00", "--deputy", "bob@demo.example", *AS)
    guichet("user", "notify", ANN, "--digest", "in_queue", *AS)
    assert "Nothing to change" in guichet("config", "apply", before, "--dry-run").out
    assert "Nothing to change" in guichet("config", "apply", before).out
    assert guichet("user", "signature", ANN).out == "Ann, Support\n"
    exported = guichet("config", "export").out
    for words in ('signature = "Ann, Support"', 'absent_until = "2099-12-01T08:00:00+00:00"', 'deputy = "bob@demo.example"', 'digest = ["in_queue"]'):
        assert words in exported
    named = tmp_path / "named.toml"
    named.write_text(before.read_text("utf-8").replace('name = "Ann Agent"', 'name = "Ann Agent"\nsignature = "From the file"', 1), "utf-8")
    assert guichet("config", "apply", named).code == 0
    assert guichet("user", "signature", ANN).out == "From the file\n"


def test_a_deputy_who_leaves(guichet: Guichet, installation: Path) -> None:
    """Is nobody's deputy any more, so that the desk file stays one that can be applied."""
    guichet("user", "absent", ANN, "--deputy", "bob@demo.example", *AS)
    assert guichet("user", "deactivate", "bob@demo.example").code == 0
    assert guichet("user", "absent", ANN, "--json").json["deputy"] == ""
