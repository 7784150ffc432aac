"""Our own small corpus (tests/corpus): mails as the usual programs write them, read as an agent should see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.mail import Importance, Mail
from gateway.inbound.parse import decode, parse

FOLDER = Path(__file__).parents[1] / "corpus"


@dataclass(frozen=True)
class Seen:
    """What an agent should see of a mail."""

    author: str
    subject: str
    new_text: str
    attachments: tuple[str, ...] = ()
    quoted: str = ""
    """A piece of the quoted text; '' means that nothing is quoted."""


SEEN = {
    "broken-everything": Seen("René <rene@globex.example>", "Problème", "Désolé, rien ne marche.", ("résumé.pdf",)),
    "forward-rfc822": Seen("Ann Agent <ann@demo.example>", "Fwd: Broken screen", "Please open a ticket for this customer.", ("Broken screen.eml",)),
    "gmail-reply-fr": Seen(
        "Claire Lefèvre <claire@acme.example>",
        "Re: [101203-T] Imprimante du 3ᵉ étage",
        "Merci, l'imprimante est réparée.\n\nClaire",
        quoted="Pouvez-vous essayer",
    ),
    "html-only": Seen(
        "Shop <shop@acme.example>",
        "Commande 4711",
        "Article Écran\nPrix 118 €\n\nSuivi : ici <https://acme.example/suivi?id=4711>\n\n- un\n- deux",
    ),
    "invitation": Seen("Ann <ann@globex.example>", "Invitation: handover", "Handover on Thursday.", ("part-3.ics", "invite.ics")),
    "iphone-reply-en": Seen(
        "Bob <bob@acme.example>",
        "Re: VPN drops every ten minutes",
        "It still drops. Can you call me on extension 4711?",
        quoted="did the new profile help?",
    ),
    "japanese-7bit": Seen(
        "山田太郎 <yamada@globex.example>", "Re: プリンター", "お世話になっております。\nプリンターが動きません。", quoted="> 再起動しましたか。"
    ),
    "out-of-office-fr": Seen("Hélène Côté <helene@acme.example>", "Réponse automatique\u00a0: Imprimante", "Je suis absente jusqu’au 10 juin."),
    "outlook-reply-fr-latin1": Seen(
        "François Dupré <francois@globex.example>",
        "RE: Facture erronée",
        "Bonjour,\n\nLe montant est toujours faux : 118 € en trop.\n\nCordialement,\nFrançois Dupré\n[cid:image001.png@01DAB59A.1B2C3D40]",
        ("image001.png",),
        quoted="quel est le montant attendu",
    ),
    "signed": Seen("Cy <cy@acme.example>", "signed", "Please reset my password.\n\n--=20", ("part-2.asc",)),
    "thunderbird-inline-de": Seen(
        "Jürgen Müller <juergen@globex.example>",
        "Re: Drucker",
        "> Ist das Kabel gesteckt?\nJa.\n\n> Leuchtet die Lampe grün?\nNein, rot.\n\nGrüße\nJürgen",
        quoted="Am 03.06.24 um 10:22 schrieb Support:",
    ),
}


def read(name: str) -> Mail:
    return parse((FOLDER / f"{name}.eml").read_bytes())


@pytest.mark.parametrize("name", SEEN)
def test_seen_as_it_should_be(name: str) -> None:
    """Author, subject, new text, attachments and quotation of each mail."""
    found, expected = read(name), SEEN[name]
    assert str(found.author) == expected.author
    assert found.subject == expected.subject
    assert found.new_text == expected.new_text
    assert tuple(one.name for one in found.attachments) == expected.attachments
    assert expected.quoted in found.quoted_text
    assert bool(found.quoted_text) is bool(expected.quoted)


def test_every_mail_of_the_corpus_is_looked_at() -> None:
    """No file stands in the folder that no test reads."""
    assert {path.stem for path in FOLDER.glob("*.eml")} == {*SEEN, "postfix-bounce"}


def test_thread_and_time() -> None:
    """Ids without brackets, the date in UTC."""
    found = read("gmail-reply-fr")
    assert (found.message_id, found.in_reply_to, found.references) == (
        "CAKx1+abc=def@mail.gmail.example",
        ("t1.4f3a@demo.example",),
        ("t1.4f3a@demo.example",),
    )
    assert found.date == datetime(2024, 6, 3, 8, 31, tzinfo=UTC)


def test_outlook_picture_is_part_of_the_text() -> None:
    """The signature's picture is shown in the HTML and does not count as an attached file; importance is read."""
    found = read("outlook-reply-fr-latin1")
    assert found.attachments[0].inline
    assert 'src="cid:image001.png@01DAB59A.1B2C3D40"' in found.html
    assert found.importance is Importance.HIGH


def test_nothing_remote_is_left_in_a_newsletter() -> None:
    """Pixel, background, script and style are gone, the link stays."""
    html = read("html-only").html
    assert "t.example" not in html and "alert" not in html and "onclick" not in html
    assert 'href="https://acme.example/suivi?id=4711"' in html


def test_a_forwarded_mail_can_be_read_like_any_other() -> None:
    """The forwarded message is one attachment; opened, it is a mail with its own text and attachment."""
    raw = (FOLDER / "forward-rfc822.eml").read_bytes()
    inner = parse(decode(raw, parse(raw).attachments[0]))
    assert (inner.subject, inner.new_text) == ("Broken screen", "The screen is broken, see the photo.")
    assert [one.name for one in inner.attachments] == ["screen.png"]


def test_bounce_of_postfix() -> None:
    """Who did not get which mail of ours, and why."""
    found = read("postfix-bounce").report
    assert found is not None
    assert found.original_message_id == "t1.4f3a@demo.example"
    assert [(one.address, one.action, one.status) for one in found.recipients] == [("claire@acme.example", "failed", "5.1.1")]
