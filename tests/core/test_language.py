"""Telling English from French, and keeping still where it is neither."""

from __future__ import annotations

import pytest

from core.language import language_of

TEXTS = [
    ("Hello, the printer is broken and we need it for our work. Please have a look.", "en"),
    ("Bonjour, notre imprimante ne marche pas et nous avons besoin de vous pour la réparer. Merci.", "fr"),
    ("Réseau en panne\nBonjour,\n\nLe réseau est tombé.\n\nCordialement", "fr"),
    ("Guten Tag, der Drucker ist kaputt und wir haben keinen anderen. Bitte helfen Sie uns mit dem Gerät.", ""),
    ("Hola, la impresora no funciona y es muy urgente para nosotros, gracias por su ayuda con el problema.", ""),
    ("Printer broken", ""),
    ("12345 67890", ""),
    ("", ""),
    ("プリンターが動きません", ""),
]


@pytest.mark.parametrize(("text", "language"), TEXTS)
def test_texts(text: str, language: str) -> None:
    """Clear English and French are known; other languages, short texts and numbers have no answer."""
    assert language_of(text) == language
