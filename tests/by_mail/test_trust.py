"""What shows that a mail is by one of our people: the table, its words, and which words of servers are strong enough (Agents by mail, 4)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.agent_trust import SENTENCES, SILENT, TABLE, THEIRS, Belief, Distrust, Proof, Situation, sentence, weighed
from core.mail import Address, Envelope
from core.setup import Connector, Profile, Provider
from gateway.inbound.answered import person
from gateway.routing.authentication import Authentication
from gateway.routing.dkim_fields import names_recipients, why_weak
from gateway.routing.own_lists import real_author
from gateway.routing.prints import prints
from gateway.routing.vouching import judge
from tests.routing.examples import a_mail, demo_setup, over_smtp

ANN = "ann@demo.example"
Header = tuple[str, str]


def test_every_cell_is_there() -> None:
    """Every situation has an answer for every proof and for none; without proof nothing is ever carried out, filed, sent or started."""
    doing = {Belief.CARRIED_OUT, Belief.FILED, Belief.SENT, Belief.STARTED}
    for situation in Situation:
        assert set(TABLE[situation]) == {*map(str, Proof), ""}
        assert weighed(situation, "") not in doing


TRUST = [
    (Situation.ANSWER, Proof.DMARC, Belief.CARRIED_OUT),
    (Situation.ANSWER, Proof.INTERNAL, Belief.CARRIED_OUT),
    (Situation.ANSWER, Proof.SUBMISSION, Belief.CARRIED_OUT),
    (Situation.ANSWER, Proof.SIGNATURE, Belief.CARRIED_OUT),
    (Situation.ANSWER, "", Distrust.NOT_PROVED),
    (Situation.LOOSE, Proof.DMARC, Distrust.NOT_ADDRESSED),
    (Situation.LOOSE, Proof.INTERNAL, Belief.CARRIED_OUT),
    (Situation.ON_ITEM, Proof.DMARC, Belief.FILED),
    (Situation.ON_ITEM, Proof.SIGNATURE, Belief.HELD),
    (Situation.ON_ITEM, "", Belief.HELD),
    (Situation.STARTS, "", Belief.ANYBODYS),
    (Situation.COMMANDS, Proof.DMARC, Distrust.NOT_AN_ANSWER),
    (Situation.OUTSIDE, Proof.SUBMISSION, Belief.SENT),
    (Situation.OUTSIDE, Proof.DMARC, Belief.ANYBODYS),
]


@pytest.mark.parametrize(("situation", "proof", "wanted"), TRUST)
def test_what_a_proof_is_worth(situation: Situation, proof: str, wanted: Belief | Distrust) -> None:
    """The cells that matter most, as the issue says them."""
    assert weighed(situation, proof) is wanted


def test_every_reason_has_its_sentence() -> None:
    """In English and French, in words that fit into the audit list; what programs sent is answered by nobody."""
    assert set(SENTENCES) == set(Distrust)
    for reason in Distrust:
        english, french = sentence(reason, "en"), sentence(reason, "fr-CH")
        assert english != french and english.endswith(".") and french.endswith(".") and len(reason) <= 40
        assert sentence(reason, "de") == english
    assert sentence("unknown_process", "fr", possible=("Claim",)).endswith("Possibles : Claim.")
    assert not SILENT & THEIRS


# ---------------------------------------------------------------- what servers say


def ar(said: str) -> Header:
    return ("Authentication-Results", said)


TENANT = "11111111-2222-3333-4444-555555555555"
SOURCE = ("X-MS-Exchange-Organization-AuthSource", "DB7PR01.eurprd01.prod.exchangelabs.com")
EDGE = ("Received", "from a by DB5EUR01FT001.mail.protection.outlook.com with SMTP")
HOP = ("Received", "from b by DB7PR01MB0001.eurprd01.prod.outlook.com with HTTPS")
INTERNAL = [HOP, SOURCE, ("X-MS-Exchange-Organization-AuthAs", "Internal"), ("X-MS-Exchange-CrossTenant-id", TENANT)]


def microsoft(dmarc: str, compauth: str) -> list[Header]:
    return [HOP, ar(f"spf=pass smtp.mailfrom=demo.example;dmarc={dmarc} action=none header.from=demo.example;compauth={compauth}"), EDGE, SOURCE]


SAID: list[tuple[str, Provider, list[Header], str]] = [
    ("a trusted server, for the domain in From", Provider.OTHER, [ar("mx.demo.example; dmarc=pass header.from=demo.example")], Proof.DMARC),
    ("it does not say for which domain", Provider.OTHER, [ar("mx.demo.example; dmarc=pass")], ""),
    ("for another domain", Provider.OTHER, [ar("mx.demo.example; dmarc=pass header.from=dem0.example")], ""),
    ("a server that is not trusted", Provider.OTHER, [ar("mx.evil.example; dmarc=pass header.from=demo.example")], ""),
    ("only SPF and DKIM", Provider.OTHER, [ar("mx.demo.example; spf=pass smtp.mailfrom=demo.example; dkim=pass header.d=demo.example")], ""),
    ("a forged field below the trusted one", Provider.OTHER, [ar("mx.demo.example; dmarc=none"), ar("mx.demo.example; dmarc=pass header.from=demo.example")], ""),
    ("two From fields", Provider.OTHER, [ar("mx.demo.example; dmarc=pass header.from=demo.example"), ("From", "x@evil.example"), ("From", ANN)], ""),
    ("Google", Provider.GOOGLE, [ar("mx.google.com; dmarc=pass (p=NONE) header.from=demo.example")], Proof.DMARC),
    ("Microsoft", Provider.MICROSOFT365, microsoft("pass", "pass reason=100"), Proof.DMARC),
    ("Microsoft, without policy", Provider.MICROSOFT365, microsoft("none", "pass reason=100"), ""),
    ("Microsoft, by ARC", Provider.MICROSOFT365, microsoft("fail", "pass reason=130"), ""),
    ("Microsoft, inside our tenant", Provider.MICROSOFT365, INTERNAL, Proof.INTERNAL),
    ("Microsoft, inside another tenant", Provider.MICROSOFT365, [*INTERNAL[:3], ("X-MS-Exchange-CrossTenant-id", "other")], ""),
]


def a_connector(provider: Provider, **more: object) -> Connector:
    trusted = ("mx.demo.example",) if provider is Provider.OTHER else ()
    return Connector("c", "support", "support@demo.example", trusted_authserv_ids=trusted, profile=Profile(provider=provider, tenant=TENANT, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "provider", "headers", "wanted"), SAID)
def test_whose_word_proves(name: str, provider: Provider, headers: list[Header], wanted: str) -> None:
    """Only DMARC for the very domain of the one author in From proves, and the mark of our own tenant; what is good enough for customers does not."""
    mail = a_mail(from_=ANN, headers=headers)
    known = judge(mail, over_smtp(), (a_connector(provider),))
    assert person(mail, over_smtp(), demo_setup(), known, None).proof == wanted


SEVERAL = [
    ("both pass", [ar("mx1.demo.example; dmarc=pass header.from=demo.example"), ar("mx2.demo.example; dmarc=pass header.from=demo.example")], Proof.DMARC),
    ("one alone", [ar("mx2.demo.example; dmarc=pass header.from=demo.example")], Proof.DMARC),
    ("only SPF by the other", [ar("mx1.demo.example; spf=pass"), ar("mx2.demo.example; dmarc=pass header.from=demo.example")], Proof.DMARC),
    ("the other is not there", [ar("mx1.demo.example; dmarc=none"), ar("MX2.demo.example; dmarc=pass header.from=demo.example")], ""),
    ("the other is above", [ar("mx2.demo.example; dmarc=pass header.from=demo.example"), ar("mx1.demo.example; dmarc=none")], ""),
    ("one that contradicts itself", [ar("mx1.demo.example; dmarc=none; dmarc=pass header.from=demo.example")], ""),
]


@pytest.mark.parametrize(("name", "headers", "wanted"), SEVERAL)
def test_several_trusted_servers(name: str, headers: list[Header], wanted: str) -> None:
    """A server removes forged fields with its own name only: where one of them knows nothing, the pass of another one proves nothing."""
    connector = replace(a_connector(Provider.OTHER), trusted_authserv_ids=("mx1.demo.example", "mx2.demo.example"))
    mail = a_mail(from_=ANN, headers=headers)
    known = judge(mail, over_smtp(), (connector,))
    assert (known.dmarc, person(mail, over_smtp(), demo_setup(), known, None).proof) == ("pass", wanted)


def test_whose_mail_it_is() -> None:
    """The registered address of an active user, alone in From, and none of ours; what is written in a mail handed in by somebody else proves nothing."""
    setup = demo_setup()
    strong = Authentication(proof=Proof.DMARC)
    gone = replace(setup, users=tuple(replace(one, active=False) for one in setup.users))

    def found(*authors: str, envelope: Envelope | None = None, where=setup):  # type: ignore[no-untyped-def]
        whose = person(a_mail(from_=authors), envelope or over_smtp(), where, strong, None)
        return whose.user, whose.proof

    assert found("Ann@Demo.Example") == (ANN, "dmarc")
    assert found(ANN, "bob@demo.example") == found("ann+x@demo.example") == found("ann@dem0.example") == found("support@demo.example") == ("", "")
    assert found(ANN, where=gone) == ("", "")
    assert found(ANN, envelope=replace(over_smtp(), door="submission", submitted_by=ANN)) == (ANN, "submission")
    assert found(ANN, envelope=replace(over_smtp(), door="submission", submitted_by="bob@demo.example")) == (ANN, "")


def test_a_list_that_rewrote_the_author_proves_nothing() -> None:
    """What a list of our own says of the author is good enough for customers, and not for commands."""
    group = a_connector(Provider.GOOGLE, own_lists=("team@demo.example",))
    headers = [
        ar("mx.google.com; dmarc=pass header.from=demo.example"),
        ("X-Original-From", f"Ann <{ANN}>"),
        ("X-Original-Authentication-Results", "mx.google.com; dmarc=pass header.from=demo.example"),
    ]
    found = real_author(a_mail(from_="team@demo.example", headers=headers), over_smtp(), (group,), demo_setup())
    assert found.mail.author == Address(ANN, "Ann")
    assert (found.authentication.dmarc, found.authentication.proof) == ("pass", "")


# ---------------------------------------------------------------- what a signature covers


def dkim(domain: str = "demo.example", fields: str = "from:to:subject:date", more: str = "", value: str = "QUJD") -> Header:
    return ("DKIM-Signature", f"v=1; a=rsa-sha256; d={domain}; s=k; h={fields}; bh=x; {more}b={value}")


COVERS = [
    ([], False, True),
    ([dkim()], False, True),
    ([dkim(fields="From : Subject : Date")], False, False),
    ([dkim(fields="from:to:date")], True, True),
    ([dkim(fields="from:to:subject")], True, True),
    ([dkim(more="l=100; ")], True, True),
    ([dkim(), dkim("mail.demo.example", "from:subject:date")], False, False),
    ([dkim("amazonses.com", "from")], False, True),
    ([dkim()] * 11, True, True),
    *[([dkim(), (name, "one"), (name.lower(), "two")], True, True) for name in ("Subject", "Date", "To", "Cc", "In-Reply-To", "Content-Type")],
    ([("Subject", "one"), ("Subject", "two")], False, True),
]


@pytest.mark.parametrize(("headers", "weak", "recipients"), COVERS)
def test_what_dkim_covers(headers: list[Header], weak: bool, recipients: bool) -> None:
    """Signatures of the author's organization have to cover subject, date and all of the text, and no field may stand above the one they cover."""
    mail = a_mail(from_=ANN, headers=headers)
    assert (bool(why_weak(mail)), names_recipients(mail)) == (weak, recipients)


def test_a_mail_is_known_again() -> None:
    """Message-ID, recipients, subject, white space, further signatures and the way base64 is written are no part of at least one of its prints."""
    mail = a_mail(from_=ANN, text="Yes, do it.", headers=[dkim(value="QUJD REVG"), ("Date", "now")])
    again = replace(
        mail,
        message_id="other@x",
        to=(Address("help@demo.example"),),
        subject="#resolve",
        text="Yes,  do it.\n",
        headers=(dkim(value="QUJDREVG"), dkim(value="eHh4"), ("Date", "later")),
    )
    assert set(prints(mail)) & set(prints(again))
    other = replace(mail, headers=(dkim(value="b3RoZXI="), ("Date", "later")))
    assert not set(prints(mail)) & set(prints(other)), "the same words at another time are another mail"
    assert prints(mail, "signed")[-1] == "signed"


@given(st.lists(st.text(max_size=60), max_size=4))
def test_no_signature_field_raises(values: list[str]) -> None:
    """Whatever stands in the field, it is read or passed over."""
    mail = a_mail(from_=ANN, headers=[("DKIM-Signature", f"d=demo.example;{value}") for value in values])
    assert len(prints(mail)) <= len(values) + 1
    why_weak(mail)
