"""No value that reaches a header ends it: every field of a draft, whatever stands in it, parsed back by Python's reader and by our own."""

from __future__ import annotations

import re
from email import message_from_bytes
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from core.mail import Address
from core.outbox import Purpose, Recipient
from core.setup import Connector, MailTemplate, PlusMode, Setup
from gateway.inbound.parse import parse
from gateway.keys import Keys
from gateway.outbound.bodies import File
from gateway.outbound.compose import seal
from gateway.outbound.headers import MAX_VALUE, language_field
from tests.outbound.drafts import REF, make_draft

KEYS = Keys((b"k" * 32,))
SUPPORT = Connector("c-support", "support", "support@demo.example", plus_addressing=PlusMode.MIXED, plus_proved=True)

ALLOWED = frozenset(
    """Date From To Cc Subject Message-ID In-Reply-To References Reply-To Auto-Submitted X-Auto-Response-Suppress Content-Language MIME-Version
    Content-Type Content-Transfer-Encoding""".split()
)
ENDS = ("\r", "\n", "\r\n", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\ud800", "\udfff", "\u202e", "\u2066", "\ufeff", "\x7f", "\x1b")
"""What some reader takes for the end of a line, and what turns a line around or is no text at all."""
PIECES = (*ENDS, *'a @<>"\\,;:=?é', "=?utf-8?q?=0d=0a?=", "Bcc: evil@x.example", "List-Id: <x>", "a@b.example")
LONG = (*(end.join(["x" * 5_000, "Bcc: evil@x.example"]) for end in ENDS), "é" * 10_000, "<a@b>," * 2_000, "x" * 10_000)
VALUE = some.one_of(some.lists(some.sampled_from(PIECES), max_size=24).map("".join), some.sampled_from(LONG))


def sealed_with(value: dict[str, str], purpose: Purpose) -> bytes:
    """A mail in which every value is somebody's."""
    setup = Setup(name=f"Desk {value['desk']}", connectors=(SUPPORT,), mail_templates=(MailTemplate("t", purpose, "en", value["subject"], value["name"], value["name"]),))
    draft = make_draft(
        subject=value["subject"],
        text=value["subject"],
        html=f"<p>{value['name']}</p>" if value["name"] else "",
        purpose=purpose,
        from_=Address(value["address"], value["name"]),
        recipients=(Recipient(Address(value["address"], value["name"])), Recipient(Address("carl@acme.example", value["name"]), "cc")),
        in_reply_to=value["identifier"],
        references=(value["identifier"], value["address"], f"<{value['identifier']}>"),
        language=value["language"],
        facts={"subject": value["subject"], "failures": value["name"], "title": value["name"]},
    )
    files = (File(value["file"], value["type"], b"x"), File(value["file"], "image/png", b"x", value["identifier"]))
    return seal(draft, SUPPORT, setup, KEYS, ref=REF, files=files).bytes


VALUES = some.fixed_dictionaries(dict.fromkeys(("desk", "subject", "name", "address", "identifier", "language", "file", "type"), VALUE))


@settings(max_examples=150, deadline=None)
@given(VALUES, some.sampled_from(list(Purpose)))
def test_no_value_becomes_a_header(value: dict[str, str], purpose: Purpose) -> None:
    """Names, addresses, subjects, ids, languages, file names, types and what a template makes of them: the fields are ours, each once, none
    longer than a line may be, and no mail carries a List field: there are no notifications."""
    raw = sealed_with(value, purpose)
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r") and b"\0" not in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    mail = message_from_bytes(raw)
    assert set(mail.keys()) <= ALLOWED and len(mail.keys()) == len(set(mail.keys()))
    assert mail["From"] and mail["Cc"] and mail["Message-ID"] and not mail.defects
    assert (mail["Auto-Submitted"] is None) is (purpose is Purpose.PERSON) is (mail["X-Auto-Response-Suppress"] is None)
    for part in mail.walk():
        assert not part.defects and {name.lower() for name in part} <= {name.lower() for name in ALLOWED} | {"content-disposition", "content-id"}
    ours = parse(raw)
    assert {name.lower() for name, _ in ours.headers} <= {name.lower() for name in ALLOWED}
    assert [one.address for one in ours.cc] == ["carl@acme.example"] and ours.message_id == str(mail["Message-ID"]).strip("<>")
    assert "evil@x.example" not in [one.address for one in (*ours.to, *ours.cc, *ours.from_)] or value["address"].strip() == "evil@x.example"


@settings(max_examples=150, deadline=None)
@given(some.lists(VALUE, max_size=60), VALUE)
def test_references_of_hostile_mails(chain: list[str], parent: str) -> None:
    """What a stranger's mail names in References is answered with ids that stand whole, on lines that are short enough, never encoded."""
    raw = seal(make_draft(in_reply_to=parent, references=tuple(chain)), SUPPORT, Setup(connectors=(SUPPORT,)), KEYS, ref=REF).bytes
    header = raw.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 998 for line in header.split(b"\r\n"))
    mail = message_from_bytes(raw)
    named = str(mail["References"] or "").split()
    assert len(named) <= 21 and all(re.fullmatch(r"<[\x21-\x7e]{1,900}>", one) for one in named)
    assert not any(one.startswith("<=?") and one.endswith("?=>") and one[1:-1] not in "".join(chain) + parent for one in named)


def test_the_longest_thread() -> None:
    """Sixty ids of 900 characters: the first and the last twenty, each whole on a line of its own, below the 998 of RFC 5322."""
    ids = [f"{n:03d}" + "i" * 885 + "@x.example" for n in range(60)]
    mail = make_draft(in_reply_to=ids[-1], references=tuple(ids))
    raw = seal(mail, SUPPORT, Setup(connectors=(SUPPORT,)), KEYS, ref=REF).bytes
    named = str(message_from_bytes(raw)["References"]).split()
    assert named == [f"<{one}>" for one in (ids[0], *ids[-20:])]
    assert max(map(len, raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 998


@pytest.mark.parametrize("language", ["fr", "en-GB", "zh-Hant-TW"])
def test_languages(language: str) -> None:
    """A language tag is named as it is."""
    assert language_field("Content-Language", language) == f"Content-Language: {language}"


@pytest.mark.parametrize("language", ["", "fr\r\nBcc: x", "é", "f" * 9, "fr fr", "fr-", "fr\x85"])
def test_no_language(language: str) -> None:
    """What is no tag is left out."""
    assert language_field("Content-Language", language) == ""


@pytest.mark.parametrize("value", LONG)
def test_long_values_are_cut(value: Any) -> None:
    """Ten thousand characters do not make a header of ten thousand."""
    raw = sealed_with(dict.fromkeys(("desk", "subject", "name", "address", "identifier", "language", "file", "type"), value), Purpose.PERSON)
    assert len(raw.partition(b"\r\n\r\n")[0]) < 40 * MAX_VALUE
