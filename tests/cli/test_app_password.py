"""`guichet user app-password`, and what `serve` and `check` say of the submission door."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gateway.bootstrap import open_house
from gateway.inbound.log_ins import LogIns
from gateway.settings_source import load_settings
from tests.cli.conftest import Guichet
from tests.conftest import free_port

ANN, BOB = "ann@demo.example", "bob@demo.example"


def _gets_in(installation: Path, password: str) -> bool:
    house = open_house(load_settings(installation / "guichet.toml"))
    try:
        return LogIns(house.database, house.clock).check(ANN, password) is not None
    finally:
        house.close()


def test_one_is_shown_once_and_revoked_at_once(guichet: Guichet, installation: Path) -> None:
    """It opens the door, is never shown again, and is no longer taken once it is revoked; the list keeps when it was used and revoked."""
    said = guichet("user", "app-password", "add", ANN, "--name", "Phone", "--as", ANN)
    password = said.out.split()[-1]
    assert said.code == 0 and _gets_in(installation, password)
    listed = guichet("user", "app-password", "list", ANN, "--json")
    (one,) = listed.json
    assert (one["user"], one["name"], one["revoked_at"]) == (ANN, "Phone", None) and one["used_at"]
    assert password not in listed.out + guichet("user", "app-password", "list").out + guichet("config", "export").out
    assert guichet("user", "app-password", "revoke", ANN, "--name", "Phone").out == f"The app password “Phone” of {ANN} is revoked.\n"
    assert not _gets_in(installation, password)
    assert guichet("user", "app-password", "list", "--json").json[0]["revoked_at"]
    assert guichet("user", "app-password", "add", ANN, "--name", "Phone", "--json").json["password"] != password, "the name is free again"


def test_refusals_are_sentences(guichet: Guichet, installation: Path) -> None:
    """Exit 2: another agent's, a name in use, no name, nobody, one that is not there; nothing is changed."""
    command = ("user", "app-password")
    assert guichet(*command, "add", ANN, "--name", "Phone").code == 0
    for arguments, words in (
        (("add", ANN, "--name", "Phone"), "already"),
        (("add", ANN, "--name", " "), "Give it a name"),
        (("add", ANN, "--as", BOB), "own"),
        (("add", "nobody@demo.example"), "nobody@demo.example"),
        (("list", "--as", BOB), "administrator"),
        (("list", ANN, "--as", BOB), "own"),
        (("revoke", ANN, "--name", "Phone", "--as", BOB), "own"),
        (("revoke", ANN, "--name", "Laptop"), "no app password “Laptop”"),
    ):
        said = guichet(*command, *arguments)
        assert said.code == 2 and words in said.err, (arguments, said.err)
    assert [one["revoked_at"] for one in guichet(*command, "list", ANN, "--as", ANN, "--json").json] == [None]


def test_the_door_needs_to_be_enabled_and_a_certificate(guichet: Guichet, installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 78 with a sentence for a role that is asked for and not enabled, and for a door at which nobody could log in."""
    said = guichet("serve", "--roles", "submission")
    assert said.code == 78 and "submission.enabled" in said.err
    monkeypatch.setenv("GUICHET_SUBMISSION__ENABLED", "true")
    said = guichet("serve", "--roles", "submission")
    assert said.code == 78 and "smtp.tls_certificate" in said.err


def test_what_check_says(guichet: Guichet, installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing where the door is not enabled; else its port, and an error without a certificate."""

    def found() -> dict[str, tuple[str, str]]:
        return {one["check"]: (one["level"], one["sentence"]) for one in guichet("check", "--json").json}

    for name in ("SMTP", "LMTP", "WEB", "SUBMISSION"):
        monkeypatch.setenv(f"GUICHET_{name}__PORT", str(free_port()))
    assert "port submission" not in found() and "certificate" not in found()
    monkeypatch.setenv("GUICHET_SUBMISSION__ENABLED", "true")
    assert found()["port submission"][0] == "fine"
    assert found()["certificate"][0] == "error" and "nobody can log in" in found()["certificate"][1]
    key, certificate = installation / "key.pem", installation / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=mx.demo.example"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    monkeypatch.setenv("GUICHET_SMTP__TLS_CERTIFICATE", str(certificate))
    monkeypatch.setenv("GUICHET_SMTP__TLS_KEY", str(key))
    assert found()["certificate"][0] == "fine"


@pytest.mark.parametrize("implicit", [False, True])
def test_check_knows_our_own_door(guichet: Guichet, installation: Path, monkeypatch: pytest.MonkeyPatch, implicit: bool) -> None:
    """A port that our own door listens on is fine, with STARTTLS and with TLS from the first byte."""
    key = installation / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=mx.demo.example"]
    subprocess.run([*command, "-keyout", str(installation / "k.pem"), "-out", str(installation / "c.pem")], check=True, capture_output=True)
    key.write_bytes((installation / "c.pem").read_bytes() + (installation / "k.pem").read_bytes())
    for name, value in (("SMTP__TLS_CERTIFICATE", key), ("SUBMISSION__ENABLED", "true"), ("SUBMISSION__IMPLICIT_TLS", str(implicit)), ("SUBMISSION__PORT", 0)):
        monkeypatch.setenv(f"GUICHET_{name}", str(value))
    house = open_house(load_settings(installation / "guichet.toml"))
    door = house.submission_door()
    door.start()
    try:
        monkeypatch.setenv("GUICHET_SUBMISSION__PORT", str(door.port))
        said = {one["check"]: one["sentence"] for one in guichet("check", "--json").json}
        assert said["port submission"] == f"127.0.0.1:{door.port} is served by Guichet"
    finally:
        door.stop(5)
        house.close()
