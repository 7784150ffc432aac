"""The argument of MAIL and RCPT: what is an address, what is not, what is tolerated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.inbound.envelope_path import MAX_ADDRESS, BadParameter, BadPath, Path, parse_path

GOOD: list[tuple[str, Path]] = [
    ("FROM:<>", Path("")),
    ("FROM:<a@b>", Path("a@b")),
    ("from: <a@b>", Path("a@b")),
    ("FROM:<A.b+c=d@B.example> SIZE=10 body=8BITMIME", Path("A.b+c=d@B.example", {"SIZE": "10", "BODY": "8BITMIME"})),
    ("FROM:<a@b> SMTPUTF8", Path("a@b", {"SMTPUTF8": ""})),
    ("FROM:a@b SIZE=1", Path("a@b", {"SIZE": "1"})),
    ("FROM:<postmaster>", Path("postmaster")),
    ("FROM:<@x.example,@y.example:a@b>", Path("a@b")),
    ("FROM:<a@[192.0.2.1]>", Path("a@[192.0.2.1]")),
    ("FROM:<a@[IPv6:2001:db8::1]>", Path("a@[IPv6:2001:db8::1]")),
    ('FROM:<"a b"@c>', Path('"a b"@c')),
    ('FROM:<"a>b"@c> SIZE=1', Path('"a>b"@c', {"SIZE": "1"})),
    ('FROM:<"a\\"b"@c>', Path('"a\\"b"@c')),
    ('FROM:<"plain.one"@c>', Path("plain.one@c")),
    ('FROM:<"a@b"@c>', Path('"a@b"@c')),
    ("FROM:<josé@exämple.org>", Path("josé@exämple.org")),
    (f"FROM:<{'a' * (MAX_ADDRESS - 2)}@b>", Path("a" * (MAX_ADDRESS - 2) + "@b")),
]
BAD: list[tuple[str, type[Exception]]] = [
    ("", BadPath),
    ("FROM", BadPath),
    ("FROM:", BadPath),
    ("TO:<a@b>", BadPath),
    ("FROM:<a@b", BadPath),
    ("FROM:<a@>", BadPath),
    ("FROM:<@b>", BadPath),
    ("FROM:<a@b@c>", BadPath),
    ("FROM:<a b@c>", BadPath),
    ("FROM:<a@b c>", BadPath),
    ("FROM:<a@b\x07>", BadPath),
    ("FROM:<a\u202eb@c\x00>", BadPath),
    ('FROM:<"a@b>', BadPath),
    ('FROM:<"a"b"@c>', BadPath),
    ('FROM:<"a\\"@c>', BadPath),
    ("FROM:<<a@b>>", BadParameter),
    ("FROM:<<a@b>", BadPath),
    ("FROM:<a@b,c@d>", BadPath),
    (f"FROM:<{'a' * MAX_ADDRESS}@b>", BadPath),
    (f"FROM:<a@{'b' * 256}>", BadPath),
    ("FROM:<a@b>SIZE=1", BadParameter),
    ("FROM:<a@b> SIZE=", BadParameter),
    ("FROM:<a@b> =1", BadParameter),
    ("FROM:<a@b> A=1 a=2", BadParameter),
    ("FROM:<a@b> né=1", BadParameter),
]


@pytest.mark.parametrize(("text", "path"), GOOD)
def test_good_paths(text: str, path: Path) -> None:
    """Address and parameters as given, routes dropped, needless quotes dropped."""
    assert parse_path(text, "FROM:") == path


@pytest.mark.parametrize(("text", "fault"), BAD)
def test_bad_paths(text: str, fault: type[Exception]) -> None:
    """What is no address or no parameter list is refused as such."""
    with pytest.raises(fault):
        parse_path(text, "FROM:")


@given(st.text(max_size=60))
def test_any_text_is_answered(text: str) -> None:
    """No text raises anything but the two refusals, and what is accepted has no controls, spaces outside quotes or brackets in it."""
    try:
        path = parse_path("TO:" + text, "TO:")
    except (BadPath, BadParameter):
        return
    assert path.address.isprintable()
    assert '"' in path.address or not set(path.address.rpartition("@")[0]) & set("<> ,;:")
