"""`guichet dkim` and what `guichet check` finds in the DNS: keys made, published, switched on, changed, removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.bootstrap import open_house
from gateway.outbound.dkim_key import PrivateKey, new_key
from gateway.settings_source import load_settings
from tests.cli.conftest import Guichet
from tests.conftest import free_port
from tests.dns_server import SERVFAIL, DnsServer, text


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[DnsServer]:
    """The DNS that the installation asks; empty at first."""
    made = DnsServer()
    monkeypatch.setenv("GUICHET_MAILAUTH__RESOLVERS", made.address)
    monkeypatch.setenv("GUICHET_MAILAUTH__TIMEOUT", "PT3S")
    for port in ("SMTP", "LMTP", "WEB"):
        monkeypatch.setenv(f"GUICHET_{port}__PORT", str(free_port()))
    yield made
    made.close()


def _found(guichet: Guichet, check: str) -> list[tuple[str, str]]:
    """(level, sentence) of the findings of one check."""
    return [(one["level"], one["sentence"]) for one in guichet("check", "--json").json if one["check"] == check]


def _publish(dns: DnsServer, key: dict[str, str], record: str = "") -> None:
    dns.zones[(key["name"], "TXT")] = [text(record or key["record"])]


def test_from_a_new_key_to_a_signed_mail(guichet: Guichet, installation: Path, dns: DnsServer) -> None:
    """New: switched off, with its record. Not published: not switched on. Published: checked, switched on, and the next mail is signed with it."""
    made = guichet("dkim", "new", "demo.example", "--json").json
    assert (made["enabled"], made["kind"], made["name"]) == (False, "rsa", f"{made['selector']}._domainkey.demo.example")
    assert "".join(made["strings"]) == made["record"] and max(map(len, made["strings"])) == 255 and made["strings"][0] in made["zone"]
    assert guichet("dkim", "check", "demo.example").code == 2
    refused = guichet("dkim", "enable", "demo.example", made["selector"])
    assert refused.code == 2 and "is not published" in refused.err
    _publish(dns, made)
    assert guichet("dkim", "check", "demo.example").code == 0
    assert guichet("dkim", "enable", "demo.example", made["selector"]).code == 0
    assert guichet("dkim", "show", "--json").json[0]["enabled"] is True
    assert guichet("receive", "--from", "alice@acme.example", "--to", "support@demo.example", stdin=_a_mail()).code == 0
    house = open_house(load_settings(installation / "guichet.toml"))
    try:
        house.processor.sweep()
        house.dispatcher.run_due()
    finally:
        house.close()
    (sent,) = (installation / "outgoing" / "new").iterdir()
    assert sent.read_bytes().startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=demo.example;")


def _a_mail() -> bytes:
    return b"From: alice@acme.example\r\nTo: support@demo.example\r\nSubject: Lamp\r\nMessage-ID: <1@acme.example>\r\n\r\nIt is dark.\r\n"


def test_the_private_key_is_never_shown(guichet: Guichet, installation: Path, dns: DnsServer) -> None:
    """No command prints it, nor the desk file; the secret store lists its name and that it is a key."""
    said = [guichet("dkim", "new", "demo.example", "--selector", "s1"), guichet("dkim", "show"), guichet("dkim", "show", "demo.example")]
    said += [guichet("dkim", "show", "--json"), guichet("dkim", "check", "demo.example", "--json"), guichet("config", "export"), guichet("secret", "list")]
    assert all("PRIVATE" not in one.out + one.err for one in said)
    assert [(one["name"], one["kind"]) for one in guichet("secret", "list", "--json").json] == [("dkim-s1.demo.example", "dkim")]
    assert 'selector = "s1"' in guichet("config", "export").out


def test_two_keys_at_once_and_a_change_of_keys(guichet: Guichet, installation: Path, dns: DnsServer) -> None:
    """Ed25519 besides RSA; a second one of a day gets another name; the old one is disabled, then removed with its secret."""
    old = guichet("dkim", "new", "demo.example", "--json").json
    other = guichet("dkim", "new", "demo.example", "--type", "ed25519", "--json").json
    new = guichet("dkim", "new", "demo.example", "--json").json
    assert len({old["selector"], other["selector"], new["selector"]}) == 3 and other["kind"] == "ed25519" and len(other["strings"]) == 1
    for key in (old, other, new):
        _publish(dns, key)
        assert guichet("dkim", "enable", "demo.example", key["selector"]).code == 0
    kept = guichet("dkim", "remove", "demo.example", old["selector"])
    assert kept.code == 2 and "signs mail" in kept.err
    assert guichet("dkim", "disable", "demo.example", old["selector"]).code == 0
    gone = guichet("dkim", "remove", "demo.example", old["selector"])
    assert gone.code == 0 and old["name"] in gone.out
    assert [key["selector"] for key in guichet("dkim", "show", "--json").json] == [other["selector"], new["selector"]]
    assert old["secret"] not in [one["name"] for one in guichet("secret", "list", "--json").json]
    assert guichet("secret", "remove", new["secret"]).code == 2


def test_refusals(guichet: Guichet, installation: Path, dns: DnsServer) -> None:
    """Exit 2 with a sentence: no administrator, no domain, no selector, a name taken, a key that is not there, a DNS that does not answer."""
    assert guichet("dkim", "new", "demo.example", "--selector", "s1").code == 0
    agent = next(user["email"] for user in guichet("user", "list", "--json").json if user["role"] == "agent")
    dns.zones[("s1._domainkey.demo.example", "TXT")] = SERVFAIL
    refused = [
        guichet("dkim", "new", "demo.example", "--as", agent),
        guichet("dkim", "show", "--as", agent),
        guichet("dkim", "new", "no domain"),
        guichet("dkim", "new", "demo.example\r\nx"),
        guichet("dkim", "new", "demo.example", "--selector", "s_1; x"),
        guichet("dkim", "new", "DEMO.example", "--selector", "S1"),
        guichet("dkim", "enable", "demo.example", "s2"),
        guichet("dkim", "enable", "demo.example", "s1"),
        guichet("dkim", "check", "other.example"),
    ]
    assert [said.code for said in refused] == [2] * len(refused), refused
    assert "does not answer" in refused[7].err
    assert guichet("dkim", "enable", "demo.example", "s1", "--force").code == 0
    assert len(guichet("dkim", "show", "--json").json) == 1


def test_check_compares_the_record_with_the_key(guichet: Guichet, installation: Path, dns: DnsServer) -> None:
    """Fine; a warning while it is not published or the DNS is away; an error for another key, several records, and a secret that is gone."""
    key = guichet("dkim", "new", "demo.example", "--selector", "s1", "--json").json
    assert _found(guichet, "dkim demo.example") == []
    guichet("dkim", "enable", "demo.example", "s1", "--force")
    cases: list[tuple[object, str, str]] = [
        ((), "warning", "is not published"),
        (SERVFAIL, "warning", "could not be looked at"),
        ([text(key["record"])], "fine", "holds our rsa key"),
        ([text(key["record"]), text(key["record"] + ";")], "error", "2 records"),
        ([text(PrivateKey(new_key()).record)], "error", "another key"),
        ([text("v=DKIM1; p=")], "error", "revoked"),
    ]
    for records, level, words in cases:
        dns.zones[(key["name"], "TXT")] = records  # type: ignore[assignment]  # records or a word
        ((found, sentence),) = _found(guichet, "dkim demo.example")
        assert (found, words in sentence) == (level, True), sentence
    guichet("secret", "remove", key["secret"], "--force")
    ((found, sentence),) = _found(guichet, "dkim demo.example")
    assert found == "error" and "guichet secret set" in sentence


def test_spf_and_dmarc_are_information(guichet: Guichet, installation: Path, dns: DnsServer) -> None:
    """What is published is said, and what is not is no fault: the policy is found above the domain as well."""
    assert _found(guichet, "dns demo.example") == [("fine", "no SPF record, no DMARC record, no DKIM key here (guichet dkim new makes one; the provider may sign)")]
    dns.zones[("demo.example", "TXT")] = [text("v=spf1 mx -all"), text("other")]
    dns.zones[("_dmarc.demo.example", "TXT")] = [text("v=DMARC1; p=reject; rua=mailto:x@demo.example")]
    ((level, sentence),) = _found(guichet, "dns demo.example")
    assert level == "fine" and sentence.startswith("an SPF record, DMARC p=reject, no DKIM key")
    dns.zones[("demo.example", "TXT")] = SERVFAIL
    ((level, sentence),) = _found(guichet, "dns demo.example")
    assert level == "fine" and "not known now" in sentence


def test_names_that_no_dns_knows_are_not_asked_for(guichet: Guichet, installation: Path, dns: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's domain is one of RFC 6761: without resolvers of its own the check says nothing about it and waits for nobody."""
    monkeypatch.delenv("GUICHET_MAILAUTH__RESOLVERS")
    assert _found(guichet, "dns demo.example") == [] and dns.asked == []


def test_a_sent_folder_that_cannot_be_is_said(guichet: Guichet, installation: Path, dns: DnsServer) -> None:
    """Without IMAP there is no mailbox for it: refused; where the provider makes the copy itself: a warning."""
    file = installation / "desk.toml"
    was = file.read_text("utf-8")
    out = 'outgoing = { kind = "smtp", host = "smtp.office365.com", user = "u", password_env = "X", sent_folder = "auto" }'
    start = was.index("outgoing = {")
    changed = was[:start] + out + was[was.index("}", start) + 1 :]
    file.write_text(changed, "utf-8")
    refused = guichet("config", "apply", file)
    assert refused.code == 2 and "fetches no mail by IMAP" in refused.err
    start = changed.index("incoming = {")
    imap = 'incoming = { kind = "imap", host = "127.0.0.1", port = 1, security = "none", user = "u", password_env = "X" }'
    file.write_text(changed[:start] + imap + changed[changed.index("}", start) + 1 :], "utf-8")
    assert guichet("config", "apply", file).code == 0
    assert any("Microsoft 365 puts sent mail" in sentence for level, sentence in _found(guichet, "desk") if level == "warning")
