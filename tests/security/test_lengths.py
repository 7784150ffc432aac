"""Overlong and odd ids and addresses, on both databases: none fails a mail of its own or of anybody else."""

from __future__ import annotations

import pytest

from tests.inbound.way_in import WayIn, a_raw

FACE = "\U0001f600"
MIXED = "".join(chr(0x4E00 + (n * 7919) % 20000) for n in range(980))
ASCII = "".join(chr(97 + (n * n * 31 + n * 17) % 26) for n in range(980))

LONG_IDS = {"emoji": FACE * 970 + "@x", "chinese": MIXED + "@x", "ascii": ASCII + "@x", "latin": "é" * 990 + "@x"}


@pytest.mark.parametrize("name", LONG_IDS)
def test_a_message_id_of_any_length_and_script_takes_the_mail(way: WayIn, name: str) -> None:
    """A Message-ID of 998 characters, whatever they are, takes the mail on both databases; one over 998 octets is none (RFC 5322 section 2.1.1)."""
    shown = way.take(a_raw(message_id=LONG_IDS[name], headers=[f"References: <{LONG_IDS[name]}>"]))
    assert shown["state"] == "done", shown["reason"]
    again = way.take(a_raw(message_id="r@acme.example", headers=[f"In-Reply-To: <{LONG_IDS[name]}>"]))
    assert again["state"] == "done", again["reason"]
    assert len(way.items()) == (1 if name == "ascii" else 2)


LONG_RECIPIENTS = {
    "emoji tag": f"support+{FACE * 900}@demo.example",
    "chinese tag": f"support+{MIXED[:970]}@demo.example",
    "ascii tag": f"support+{ASCII[:970]}@demo.example",
    "tag that grows when folded": f"support+{'ß' * 900}@demo.example",
}


@pytest.mark.parametrize("name", LONG_RECIPIENTS)
def test_an_envelope_recipient_of_any_length_takes_the_mail(way: WayIn, name: str) -> None:
    """What the SMTP door lets through as a recipient never fails the mail later, with a long id besides."""
    shown = way.take(a_raw(message_id=ASCII + "@x"), to=(LONG_RECIPIENTS[name],))
    assert shown["state"] == "done", shown["reason"]
