"""For which addresses of ours a mail is."""

from __future__ import annotations

from core.mail import Envelope
from core.setup import Setup
from gateway.routing.recipients import Source, recipients
from tests.routing.examples import CLAIMS, HELP, SUPPORT, a_mail, fetched, over_smtp


def keys(setup: Setup, mail, envelope) -> list[str]:  # type: ignore[no-untyped-def]
    return [recipient.key for recipient in recipients(mail, envelope, setup)[0]]


def test_the_envelope_decides_alone(example_setup: Setup) -> None:
    """Over SMTP the envelope counts and not the header: a blind copy is a recipient like any other (decisions.md; E-17)."""
    mail = a_mail(to=("someone@else.example",), cc=(SUPPORT,))
    found, _ = recipients(mail, over_smtp(CLAIMS), example_setup)
    assert [(one.key, one.source, one.named) for one in found] == [(CLAIMS, Source.ENVELOPE, False)]


def test_each_address_once(example_setup: Setup) -> None:
    """The same address in any case of letters is one recipient."""
    assert keys(example_setup, a_mail(), over_smtp(SUPPORT, "Support@Demo.Example", HELP)) == [SUPPORT, HELP]


def test_unknown_envelope_addresses_are_told(example_setup: Setup) -> None:
    """An address that no connector knows is not lost."""
    found, strange = recipients(a_mail(), over_smtp("nobody@demo.example", SUPPORT), example_setup)
    assert [one.key for one in found] == [SUPPORT]
    assert [one.key for one in strange] == ["nobody@demo.example"]


def test_plus_tags(example_setup: Setup) -> None:
    """A plus-tag belongs to the address of its base; a reference in it is recognised in any case of letters (B3)."""
    found, _ = recipients(a_mail(), over_smtp("support+101203-t@demo.example", "support+news@demo.example"), example_setup)
    assert [(one.base, one.tag, one.plain_ref) for one in found] == [(SUPPORT, "101203-t", "101203-T"), (SUPPORT, "news", "")]


def test_headers_where_there_is_no_envelope(example_setup: Setup) -> None:
    """A fetched mail is for the trusted delivery fields, then To and Cc, as far as they are addresses of that mailbox (B-RT-06, B-RT-07)."""
    mail = a_mail(to=(SUPPORT, CLAIMS), cc=("x@y.example",), headers=[("Delivered-To", "help@demo.example"), ("X-Original-To", "<other@y.example>")])
    assert keys(example_setup, mail, fetched("support")) == [HELP, SUPPORT]


def test_an_imported_file_is_for_every_address_of_ours(example_setup: Setup) -> None:
    """Without a mailbox that it came from, a mail is for all addresses of ours that it names (B-RT-07)."""
    mail = a_mail(to=(SUPPORT, CLAIMS))
    assert keys(example_setup, mail, Envelope("eml")) == [SUPPORT, CLAIMS]


def test_a_blind_copy_in_a_mailbox(example_setup: Setup) -> None:
    """Where no field names an address of ours, the mail is for the mailbox itself, as a blind copy (B-UH-01)."""
    found, _ = recipients(a_mail(to=("x@y.example",)), fetched("support"), example_setup)
    assert [(one.key, one.source) for one in found] == [(SUPPORT, Source.BLIND)]


def test_nobody(example_setup: Setup) -> None:
    """A file that names nobody of ours has no recipient."""
    assert keys(example_setup, a_mail(to=("x@y.example",)), Envelope("eml")) == []


def test_untrusted_delivery_fields_say_nothing(example_setup: Setup) -> None:
    """Only the fields that the connector trusts are believed."""
    mail = a_mail(to=("x@y.example",), headers=[("X-Forwarded-To", HELP)])
    found, _ = recipients(mail, fetched("support"), example_setup)
    assert found[0].source is Source.BLIND


def test_hostile_numbers(example_setup: Setup) -> None:
    """Ten thousand recipients are looked at up to a bound."""
    mail = a_mail(to=[f"support+{n}@demo.example" for n in range(10_000)])
    assert len(keys(example_setup, mail, Envelope("eml"))) == 1_000
