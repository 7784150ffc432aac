"""Who a mail seems to be from: forged authentication results, look-alike addresses, and ways around the block list."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.mail import address_key
from gateway.inbound.parse import parse
from gateway.routing.authentication import Dmarc, authentication
from tests.inbound.way_in import ANN, JO, SUPPORT, WayIn, a_raw

TRUSTED = ("mx.demo.example",)
PASS = "dmarc=pass header.from=acme.example"

FORGED = {
    "encoded words": "=?utf-8?q?mx=2Edemo=2Eexample=3B?= =?utf-8?q?_dmarc=3Dpass?=",
    "one encoded word": "=?utf-8?q?mx.demo.example;_dmarc=3Dpass?=",
    "encoded in base64": "=?utf-8?b?bXguZGVtby5leGFtcGxlOyBkbWFyYz1wYXNz?=",
    "in a comment": f"(mx.demo.example; {PASS}) evil.example; none",
    "in a quoted string": f'evil.example; spf=pass reason="; mx.demo.example; {PASS}"',
    "a longer name": f"mx.demo.example.evil.example; {PASS}",
    "wide letters": f"ｍx.demo.example; {PASS}",
    "a trailing dot": f"mx.demo.example.; {PASS}",
    "behind its own": f"evil.example; none\r\n mx.demo.example; {PASS}",
    "another domain": "mx.demo.example; dmarc=pass header.from=evil.example",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_authentication_results_say_nothing(name: str) -> None:
    """RFC 8601: what the server in front of us would not recognise as its own name, and so not strip, is not its name for us either."""
    mail = parse(a_raw(headers=[f"Authentication-Results: {FORGED[name]}"]))
    assert authentication(mail, TRUSTED).dmarc is not Dmarc.PASS


def test_a_forged_result_below_the_real_one_is_not_read() -> None:
    """Only the topmost field of a server counts, however the forged one is spelt."""
    mail = parse(a_raw(headers=[f"Authentication-Results: mx.demo.example; dmarc={said} header.from=acme.example" for said in ("none", "pass")]))
    assert authentication(mail, TRUSTED).dmarc is Dmarc.NONE


DIFFERENT = [
    ("ann@faß.example", "ann@fass.example"),
    ("ann@βόλος.example", "ann@βόλοσ.example"),
    ("ann@a\u200db.example", "ann@ab.example"),
    ("weiß@acme.example", "weiss@acme.example"),
    ("ſam@acme.example", "sam@acme.example"),
    ("ann@acme.example", "ann@acme.example.evil"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_addresses_of_different_people_are_different(one: str, other: str) -> None:
    """Names that today's servers and registries keep apart (IDNA 2008, RFC 5894 section 7.2; SMTPUTF8 local parts) are not one person's."""
    assert address_key(one) != address_key(other)


SAME = [("Ann@ACME.example.", "ann@acme.example"), ("ANN@bücher.example", "ann@xn--bcher-kva.example"), ("ÉVA@acme.example", "éva@acme.example")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_address_are_the_same(one: str, other: str) -> None:
    """decisions.md, "addresses": no regard to case, domains as A-labels."""
    assert address_key(one) == address_key(other)


BLOCKED = {
    "as it stands": "bad@spam.example",
    "upper case": "BAD@SPAM.EXAMPLE",
    "a trailing dot": "bad@spam.example.",
    "quoted": '"bad"@spam.example',
    "a comment": "bad(nice)@spam.example",
    "a comment behind": "bad@spam.example (nice)",
    "blanks": "< bad@spam.example >",
    "a route": "<@nice.example:bad@spam.example>",
    "a group": "nice: bad@spam.example;",
    "encoded": "=?utf-8?q?bad=40spam.example?= <bad@spam.example>",
    "a tag": "bad+x@spam.example",
    "folded": "bad\r\n @spam.example",
    "no-break space": "bad@spam.example\u00a0",
    "zero width": "bad@spam\u200b.example",
}


@pytest.mark.parametrize("name", BLOCKED)
def test_the_block_list_holds_for_every_spelling(way: WayIn, name: str) -> None:
    """A sender blocked as spam is blocked however the address is written; such a mail opens nothing that waits for a person (B-BL-02)."""
    shown = way.take(a_raw(from_=BLOCKED[name], message_id="b@x"))
    assert [verdict["action"] for verdict in shown["verdicts"]] == ["reject_as_spam"], (shown["from"], shown["verdicts"])


def test_a_copied_id_of_ours_opens_no_door_to_other_items(way: WayIn) -> None:
    """Who got a mail of ours to two mailboxes of ours and others cannot, by its id and our address in From, write on any item he names."""
    claims = "claims@demo.example"
    way.take(a_raw(message_id="1@acme.example"))
    way.take(a_raw(message_id="2@globex.example", from_="Vera <vera@globex.example>"), sender="vera@globex.example")
    way.desk().mail("101001-T", ANN, text="Hello.", to=[JO, claims], undo=timedelta(0))
    mail = next(one for one in way.outbox() if not one.system_generated)
    way.sent(mail.id)
    forged = way.take(a_raw(from_=SUPPORT, to=claims, message_id=mail.message_id, subject="[101002-T] Pay me"), to=(claims,))
    assert [verdict["action"] for verdict in forged["verdicts"]] == ["open"]
    assert "mail_in" not in way.kinds("101002-T")[2:]
