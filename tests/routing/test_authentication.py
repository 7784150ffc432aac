"""Authentication-Results: who is believed, and how tolerantly it is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.authentication import Dmarc, authentication, read
from tests.routing.examples import a_mail

TRUSTED = ("mx.demo.example",)


def dmarc(*values: str, from_: str | tuple[str, ...] = "jo@acme.example", trusted: tuple[str, ...] = TRUSTED) -> Dmarc:
    mail = a_mail(from_=from_, headers=[("Authentication-Results", value) for value in values])
    return authentication(mail, trusted).dmarc


GOOD = "mx.demo.example; dmarc=pass header.from=acme.example"

READINGS = [
    ((GOOD,), Dmarc.PASS),
    (("mx.demo.example; dmarc=fail header.from=acme.example",), Dmarc.FAIL),
    (("mx.demo.example; dmarc=none header.from=acme.example",), Dmarc.NONE),
    (("mx.demo.example; dmarc=temperror",), Dmarc.NONE),
    (("MX.Demo.Example 1; spf=pass smtp.mailfrom=x@y.example; dkim=pass; DMARC = PASS (p=REJECT dis=NONE) header.from=ACME.example",), Dmarc.PASS),
    (("mx.demo.example (a comment; dmarc=fail (nested)); dmarc=pass",), Dmarc.PASS),
    (('mx.demo.example; spf=pass smtp.mailfrom="a; dmarc=fail"@evil.example; dmarc=pass',), Dmarc.PASS),
    (('mx.demo.example; spf=fail smtp.mailfrom="a\\"; dmarc=pass"@evil.example',), Dmarc.NONE),
    (("mx.demo.example; dmarc=pass header.from=other.example",), Dmarc.NONE),
    (("mx.evil.example; dmarc=pass header.from=acme.example",), Dmarc.NONE),
    (("mx.demo.example; none",), Dmarc.NONE),
    (("mx.demo.example",), Dmarc.NONE),
    (("",), Dmarc.NONE),
    ((), Dmarc.NONE),
    (("mx.demo.example; dmarc=fail", GOOD), Dmarc.FAIL),
    (("mx.demo.example; spf=pass", GOOD), Dmarc.NONE),
    (("mx.evil.example; dmarc=pass", GOOD), Dmarc.PASS),
]


@pytest.mark.parametrize(("values", "wanted"), READINGS)
def test_readings(values: tuple[str, ...], wanted: Dmarc) -> None:
    """Only the topmost header of a trusted server counts, comments and quoted strings say nothing, and a pass must be about the From domain."""
    assert dmarc(*values) is wanted


def test_nobody_is_trusted_by_default() -> None:
    """Without a configured server even a well-formed header proves nothing."""
    assert dmarc(GOOD, trusted=()) is Dmarc.NONE


def test_microsoft_leaves_its_name_out() -> None:
    """A header without authserv-id is read, and counts only where the empty name is trusted."""
    value = "spf=pass (sender IP is 1.2.3.4) smtp.mailfrom=acme.example; dkim=pass; dmarc=pass action=none header.from=acme.example;compauth=pass reason=100"
    assert dmarc(value) is Dmarc.NONE
    assert dmarc(value, trusted=("",)) is Dmarc.PASS


def test_two_trusted_servers() -> None:
    """Each trusted server is heard once; a failure at one of them wins over a pass at another."""
    both = ("mx.demo.example", "mx2.demo.example")
    assert dmarc(GOOD, "mx2.demo.example; dmarc=fail", trusted=both) is Dmarc.FAIL
    assert dmarc("mx2.demo.example; spf=pass", GOOD, trusted=both) is Dmarc.PASS


def test_authors_in_several_domains_are_never_authenticated() -> None:
    """DMARC judges one From domain: a mail with authors in two has no pass."""
    assert dmarc("mx.demo.example; dmarc=pass header.from=acme.example", from_=("jo@acme.example", "evil@elsewhere.example")) is Dmarc.NONE


def test_a_label_domains() -> None:
    """The domain of the result and that of the mail are compared in their A-label form."""
    assert dmarc("mx.demo.example; dmarc=pass header.from=xn--mller-kva.example", from_="jo@müller.example") is Dmarc.PASS


@given(st.text(alphabet='mx.demo exapl;=()"\\ darcpsfi', max_size=300))
def test_any_text_is_read(value: str) -> None:
    """No text of a header raises, and what is read never holds a semicolon or a blank: nothing in quotes or comments becomes a result."""
    server, results = read(value)
    assert ";" not in server
    assert all(not set(result.method + result.result) & set("; ") for result in results)
