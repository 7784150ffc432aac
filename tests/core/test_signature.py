"""Signatures: what stands below a mail where it is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.refusal import Refused
from core.signature import RECOMMENDED, signed, warning
from tests.core.people import ANN


def test_below_the_words() -> None:
    """C-CO-08: after the line by which mail programs know a signature; HTML only where the mail has HTML, made from the text where there is none."""
    ann = replace(ANN, signature="Ann <Agent>\nDemo desk\n")
    assert signed("Hello", "", ann) == ("Hello\n\n-- \nAnn <Agent>\nDemo desk", "")
    text, html = signed("Hello", "<p>Hello</p>", ann)
    assert html == '<p>Hello</p><div class="moz-signature">-- <br>\nAnn &lt;Agent&gt;<br>\nDemo desk</div>'
    assert signed("Hello", "<p>Hello</p>", replace(ann, signature_html="<b>Ann</b>"))[1].endswith("-- <br>\n<b>Ann</b></div>")


def test_who_has_none_is_told() -> None:
    """Nothing is sent with a signature that does not exist."""
    with pytest.raises(Refused, match=r"no signature.*guichet user signature ann@demo.example"):
        signed("Hello", "", ANN)


def test_a_large_one_is_warned_of() -> None:
    """C-CO-08: below 200 kB is recommended; a larger one is possible."""
    assert warning("x" * RECOMMENDED, "") == ""
    assert "200 kB" in warning("x", "é" * RECOMMENDED)
