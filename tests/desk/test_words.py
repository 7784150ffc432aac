"""Canned texts with the values of an item and their files, and signatures: who may change one, what is made safe, and how they stand in a mail."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from threading import Thread
from typing import Any

import pytest

from core.refusal import NotFound, Refused
from core.setup import CannedText, Setup
from gateway.store import outboxes, stored_files
from tests.desk.conftest import CARL, Room

ANN, BOB, ROOT = "ann@demo.example", "bob@demo.example", "root@demo.example"
PIXEL = b64encode(bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c489".replace(" ", ""))).decode()

TEXTS = (
    CannedText("Hello", "Hello {{ contact.name }}, about {{ item.ref }}: {{ subject }}. {{ agent.name }}", "en", "Helpdesk", "<p>{{ subject }}</p>", ("terms.pdf",)),
    CannedText("Hello", "Bonjour {{ contact.name }}", "fr", "Helpdesk"),
    CannedText("Claim", "We have your claim.", "en", "Claims"),
    CannedText("Thanks", "Thank you.", files=("gone.pdf",)),
)


def save(room: Room, setup: Setup) -> None:
    """The desk is this one."""
    with room.database.durable() as connection:
        room.setups.save(connection, setup, ROOT, room.clock.now())
        room.setup = room.setups.current(connection)


@pytest.fixture
def texts(room: Room) -> str:
    """The texts are there, a file on the shelf, and a ticket; its reference."""
    save(room, replace(room.setup, canned_texts=TEXTS))
    with room.database.durable() as connection:
        stored_files.add(connection, "f-1", stored_files.DESK, "terms.pdf", "application/pdf", b"%PDF", now=room.clock.now(), by=ROOT)
    return room.ticket()


def titles(room: Room, by: str = ANN, **more: str) -> list[tuple[str, str]]:
    return [(one["title"], one["language"]) for one in room.desk.list_canned(by, **more)]


def test_what_is_offered(room: Room, texts: str) -> None:
    """C-CO-07: those of the item's service line, then those for all; the user's language first, what was used last first; searchable."""
    assert titles(room, ref=texts) == [("Hello", "en"), ("Hello", "fr"), ("Thanks", "")]
    assert titles(room, BOB, ref=texts) == [("Hello", "fr"), ("Hello", "en"), ("Thanks", "")]
    assert titles(room, service="Claims") == [("Claim", "en"), ("Thanks", "")]
    assert titles(room, search="BONJOUR") == [("Hello", "fr")]
    assert len(titles(room)) == 4
    save(room, replace(room.setup, canned_texts=(*TEXTS[:2], CannedText("Again", "Once more", "en", "Helpdesk"))))
    room.desk.note_canned("Again", ANN)
    assert titles(room, ref=texts)[0] == ("Again", "en")
    assert titles(room, BOB, ref=texts)[0] == ("Hello", "fr")
    room.desk.note_canned("Hello", ANN)
    assert titles(room, ref=texts)[0] == ("Hello", "en")


def test_one_filled_in(room: Room, texts: str) -> None:
    """With the values of the item, its contact and whoever writes, and with its files; a file that is not there is named."""
    found = room.desk.canned_for(texts, "hello", ANN)
    assert found["text"] == f"Hello Carl Customer, about {texts}: Printer on fire. Ann Agent"
    assert (found["html"], found["missing"]) == ("<p>Printer on fire</p>", [])
    assert [(one["id"], one["name"], one["size"]) for one in found["files"]] == [("f-1", "terms.pdf", 4)]
    assert room.desk.canned_for(texts, "Hello", ANN, language="fr")["text"] == "Bonjour Carl Customer"
    assert room.desk.canned_for(texts, "Thanks", ANN)["missing"] == ["gone.pdf"]
    with pytest.raises(NotFound, match=r"no canned text “Claim”.*canned list --item"):
        room.desk.canned_for(texts, "Claim", ANN)
    with pytest.raises(NotFound, match="no item"):
        room.desk.canned_for(room.ticket("Claim"), "Thanks", ANN)


def test_what_customers_wrote_is_not_obeyed(room: Room, texts: str) -> None:
    """Template syntax and markup in a title stay what they are."""
    ref = room.ticket(title="{{ 7 * 7 }} <b>")
    save(room, replace(room.setup, canned_texts=(CannedText("T", "{{ item.title }}", html="<p>{{ item.title }}</p>"), CannedText("Bad", "{{ nobody }}"))))
    found = room.desk.canned_for(ref, "T", ANN)
    assert (found["text"], found["html"]) == ("{{ 7 * 7 }} <b>", "<p>{{ 7 * 7 }} &lt;b&gt;</p>")
    with pytest.raises(Refused, match=r"cannot be filled in.*desk file"):
        room.desk.canned_for(ref, "Bad", ANN)


def test_in_a_mail(room: Room, texts: str) -> None:
    """C-CO-07, C-CO-11: text and files of a canned text leave with the mail."""
    found = room.desk.canned_for(texts, "Hello", ANN)
    sent = room.desk.mail(texts, ANN, text=found["text"], files=[one["id"] for one in found["files"]], to=(CARL,))
    with room.database.read() as connection:
        mail = message_from_bytes(outboxes.raw(connection, sent["id"]), policy=default)
    assert [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()] == [("terms.pdf", b"%PDF")]


def test_a_signature_only_where_it_is_asked_for(room: Room) -> None:
    """C-CO-08: not by itself; with it, below the words in text and HTML, its images inside the mail; who has none is told."""
    ref = room.ticket()
    with pytest.raises(Refused, match="no signature"):
        room.desk.mail(ref, ANN, text="Hello", signature=True)
    room.desk.set_signature(ANN, ANN, text="Ann\nDemo desk", html=f'<b onclick="x()">Ann</b><img src="data:image/png;base64,{PIXEL}"><script>x()</script>')
    plain = room.desk.mail(ref, ANN, text="Hello")
    signed = room.desk.mail(ref, ANN, text="Hello", html="<p>Hello</p>", signature=True)
    text_only = room.desk.mail(ref, ANN, text="Hello", signature=True)
    with room.database.read() as connection:
        mails = [message_from_bytes(outboxes.raw(connection, one["id"]), policy=default) for one in (plain, signed, text_only)]
    bodies = [str(mail.get_body(("plain",)).get_content()).replace("\r\n", "\n") for mail in mails]  # type: ignore[union-attr]
    assert [body.rstrip() for body in bodies] == ["Hello", "Hello\n\n-- \nAnn\nDemo desk", "Hello\n\n-- \nAnn\nDemo desk"]
    html = str(mails[1].get_body(("html",)).get_content())  # type: ignore[union-attr]
    assert '<p>Hello</p><div class="moz-signature">-- <br>' in html and "<b>Ann</b>" in html and 'src="cid:' in html
    assert "onclick" not in html and "script" not in html and "data:" not in html
    assert any(part.get_content_type() == "image/png" for part in mails[1].walk())
    assert mails[2].get_body(("html",)) is None


def test_a_signature_of_html_alone(room: Room) -> None:
    """Whoever gave only HTML signs text as well."""
    ref = room.ticket()
    room.desk.set_signature(ANN, ANN, html="<p>Ann</p><p>Demo desk</p>")
    sent = room.desk.mail(ref, ANN, text="Hello", signature=True)
    with room.database.read() as connection:
        mail = message_from_bytes(outboxes.raw(connection, sent["id"]), policy=default)
    text = str(mail.get_body(("plain",)).get_content()).replace("\r\n", "\n")  # type: ignore[union-attr]
    assert text.startswith("Hello\n\n-- \nAnn\n") and "Demo desk" in text


def test_whose_signature_it_is(room: Room) -> None:
    """One's own, and everybody's for an administrator; each part is changed by itself, and the setup keeps its history."""
    room.desk.set_signature(ANN, ANN, text="Ann")
    for deed in (lambda: room.desk.signature(ANN, BOB), lambda: room.desk.set_signature(ANN, BOB, text="x")):
        with pytest.raises(Refused, match="belongs to its owner"):
            deed()
    assert room.desk.signature("Ann@Demo.example", ROOT)["text"] == "Ann"
    room.desk.set_signature(ANN, ROOT, html="<i>Ann</i>")
    assert room.desk.signature(ANN, ANN) == {"email": ANN, "text": "Ann", "html": "<i>Ann</i>", "warnings": []}
    room.desk.set_signature(ANN, ANN, text="", html="")
    assert (room.desk.signature(ANN, ANN)["text"], room.desk.signature(ANN, ANN)["html"]) == ("", "")
    with pytest.raises(NotFound):
        room.desk.signature("nobody@demo.example", ROOT)


def test_a_large_signature_is_possible_and_warned_of(room: Room) -> None:
    """C-CO-08: above 200 kB a warning, and the mail can be sent; what is far too large is refused, and the old one stays."""
    assert "200 kB" in room.desk.set_signature(ANN, ANN, text="Ann", html=f"<p>{'x' * 210_000}</p>")["warnings"][0]
    with pytest.raises(Refused, match="possible"):
        room.desk.set_signature(ANN, ANN, text="y" * 30_000)
    with pytest.raises(Refused, match="possible"):
        room.desk.set_signature(ANN, ANN, html="z" * 1_100_000)
    assert room.desk.signature(ANN, ANN)["text"] == "Ann"


def test_two_who_change_theirs_at_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both stay: whoever saves the setup later does so from what the earlier one made of it."""
    other = Thread(target=lambda: room.desk.set_signature(BOB, BOB, text="Bob"))
    saves = room.setups.save

    def save(*arguments: Any, **more: Any) -> Any:
        if not other.ident:
            other.start()
            other.join(0.5)  # it waits for us where it should; where it does not, it is through long before
        return saves(*arguments, **more)

    monkeypatch.setattr(room.setups, "save", save)
    room.desk.set_signature(ANN, ANN, text="Ann")
    other.join()
    assert [room.desk.signature(one, ROOT)["text"] for one in (ANN, BOB)] == ["Ann", "Bob"]
