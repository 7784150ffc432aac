"""Templates at the desk: which there are, the mail as it would be for a real item, and the mail that leaves, from what was told to the sealed bytes."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from sqlalchemy import update

from core.acknowledge import FORGED, NOT_IN_RETURN
from core.brakes import Brakes, Lately
from core.decision import Decision
from core.outbox import TO_AGENTS, Purpose
from core.refusal import NotFound, Refused
from core.setup import MailTemplate
from core.told import Asked, merged, split
from gateway.outbound.template_values import PURPOSES
from gateway.store import conversations, outboxes, stored_files
from gateway.store.schema import inbound
from tests.desk.conftest import CARL, Room

ANN, BOB, ROOT = "ann@demo.example", "bob@demo.example", "root@demo.example"
OWN = MailTemplate("", "acknowledgement", "fr", "[{{ item.ref }}] Merci", "Merci {{ contact.name or 'à vous' }}, de {{ desk.name }}.", files=("terms.pdf", "gone.pdf"))


def save(room: Room, *templates: MailTemplate) -> None:
    """The desk has these templates."""
    with room.database.durable() as connection:
        room.setups.save(connection, replace(room.setups.current(connection), mail_templates=templates), ROOT, room.clock.now())
        room.setup = room.setups.current(connection)


def shelve(room: Room, name: str, content: bytes = b"%PDF-1.4") -> None:
    """A file on the desk's shelf."""
    with room.database.durable() as connection:
        stored_files.add(connection, room.clock.new_id(), stored_files.DESK, name, "application/pdf", content, now=room.clock.now(), by=ROOT)


def test_all_templates(room: Room) -> None:
    """C5: own or shipped, by purpose and language; an own one counts its versions, for a saved version never changes."""
    save(room, OWN)
    save(room, replace(OWN, text="Merci."))
    found = {(one["purpose"], one["language"]): one for one in room.desk.list_templates(ANN)}
    assert {purpose for purpose, _ in found} == set(PURPOSES)
    own = found["acknowledgement", "fr"]
    assert (own["own"], own["version"], own["subject"], own["files"], own["trouble"]) == (True, 2, "[{{ item.ref }}] Merci", ["terms.pdf", "gone.pdf"], "")
    assert (found["acknowledgement", "en"]["own"], found["acknowledgement", "en"]["version"]) == (False, None)


def test_the_source_of_one(room: Room) -> None:
    """The one that is taken for a language; a purpose that does not exist is refused with those that do."""
    save(room, OWN)
    assert room.desk.show_template("acknowledgement", ANN, language="fr-CA")["text"] == OWN.text
    assert room.desk.show_template("acknowledgement", ANN)["own"] is False
    assert room.desk.show_template("reply_instructions", ANN, language="fr")["text"].startswith("Pour nous écrire")
    with pytest.raises(NotFound, match=r"welcome.*acknowledgement"):
        room.desk.show_template("welcome", ANN)


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.PERSON and purpose not in TO_AGENTS])
def test_a_preview_is_the_mail_as_it_would_be(room: Room, purpose: Purpose) -> None:
    """Headers, text and language of every purpose for a real item; nothing is queued and nothing written."""
    ref = room.ticket(language="fr")
    found = room.desk.preview_template(purpose, BOB, ref=ref)
    headers = dict(found["headers"])
    to = BOB if purpose in (Purpose.SEND_FAILED, Purpose.ALARM) else CARL
    assert to in headers["To"] and headers["Content-Language"] == "fr" and headers["Auto-Submitted"].startswith("auto-")
    assert found["text"].startswith("Bonjour") and "Demo desk" in found["text"] and not found["note"]
    assert room.desk.preview_template(purpose, BOB, ref=ref, language="en")["text"].startswith("Hello")
    assert room.desk.list_outbox(ROOT) == []


@pytest.mark.parametrize("purpose", sorted(TO_AGENTS))
def test_mails_to_our_people_have_no_template(room: Room, purpose: str) -> None:
    """Their words are ours alone, for answers to them are cut by them: the templates there are, are named."""
    with pytest.raises(NotFound, match=r"acknowledgement"):
        room.desk.preview_template(purpose, BOB, ref=room.ticket())


def test_a_preview_of_what_is_not_saved(room: Room) -> None:
    """A template that is being written, with its files; one that could not be saved is refused with the reason."""
    ref = room.ticket(send_automated_emails=False)
    shelve(room, "terms.pdf")
    given: dict[str, Any] = {"subject": "Hi {{ contact.name }}", "text": "{{ item.title }} / {{ item.process }}", "html": "<b>{{ item.title }}</b>"}
    found = room.desk.preview_template("split", ANN, ref=ref, language="de", template={**given, "files": ["terms.pdf", "gone.pdf"]})
    assert (found["subject"], found["text"].strip(), found["html"]) == (f"[{ref}] Hi Carl Customer", "Printer on fire / General support", "<b>Printer on fire</b>")
    assert (found["files"], found["missing"], dict(found["headers"])["Content-Language"]) == (["terms.pdf"], ["gone.pdf"], "de")
    assert "C-TP-08" in found["because"]
    assert not any(one["own"] for one in room.desk.list_templates(ANN))
    for wrong, said in (({**given, "text": "{{ nobody }}"}, "no value"), ({**given, "colour": "red"}, "colour"), ({**given, "subject": 5}, "subject")):
        with pytest.raises(Refused, match=said):
            room.desk.preview_template("split", ANN, ref=ref, template=wrong)


def test_a_preview_respects_sight(room: Room) -> None:
    """decisions.md 21: an item that somebody may not see does not exist; without an item there is nothing to show, but for an alarm."""
    ref = room.ticket("Claim")
    with pytest.raises(NotFound):
        room.desk.preview_template("split", ANN, ref=ref)
    with pytest.raises(Refused, match="--item"):
        room.desk.preview_template("split", BOB)
    assert room.desk.preview_template("alarm", ANN)["subject"]
    assert room.desk.preview_template("reply_instructions", BOB, ref=ref, language="fr")["text"].startswith("Pour nous")


def test_what_was_told_leaves(room: Room) -> None:
    """C-TP-01, C-TP-06: from the pure decision through the outbox to the sealed bytes, in the item's language, with the files of the template."""
    save(room, replace(OWN, purpose="merged", text="{{ item.ref }} → {{ others }}", subject="{{ subject }}"))
    shelve(room, "terms.pdf", b"old")
    room.clock.advance(seconds=1)
    shelve(room, "terms.pdf", b"%PDF-new")
    refs = [room.ticket(language="fr"), room.ticket()]
    items = [room.item(ref) for ref in refs]
    with room.database.durable() as connection:
        told = merged(items[0], items[1], Asked(conversations.conversation(connection, items[0].id), room.setup), draft_id="o-1", now=room.clock.now())
        assert told.draft is not None
        room.apply(connection, Decision(mails=(told.draft,)), room.setup, room.clock.now())
        row = outboxes.get(connection, "o-1")
        raw = outboxes.raw(connection, "o-1")
    assert row is not None and row.attachment_count == 1
    mail = message_from_bytes(raw, policy=default)
    assert (mail["Content-Language"], mail["Subject"]) == ("fr", f"[{refs[0]}] Printer on fire")
    assert mail.get_body(("plain",)).get_content().strip() == f"{refs[0]} → {refs[1]}"  # type: ignore[union-attr]
    assert [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()] == [("terms.pdf", b"%PDF-new")]


def test_the_brakes_hold_for_it(room: Room) -> None:
    """decisions.md 9: what the acknowledgement just used up is counted for the next mail as well."""
    ref = room.ticket()
    item = room.item(ref)
    with room.database.read() as connection:
        asked = Asked(conversations.conversation(connection, item.id), room.setup, Brakes(), Lately(item=1))
    told = split(item, (item,), asked, draft_id="o-1", now=room.clock.now())
    assert told.draft is None and "5 minutes" in told.because


DOUBTS = {
    "automatic itself": ("auto_reply", [], "auto_reply"),
    "forged": ("ordinary", [["acknowledge", "support@demo.example", "none", FORGED]], "DMARC failed"),
    "a list": ("ordinary", [["acknowledge", "support@demo.example", "none", f"{NOT_IN_RETURN}: List-Id"]], "List-Id"),
    "only braked": ("ordinary", [["acknowledge", "support@demo.example", "none", "the item had 1 automatic mail(s) within 5 minutes"]], ""),
    "acknowledged": ("ordinary", [["acknowledge", "support@demo.example", "queued", "to carl@acme.example"]], ""),
}


@pytest.mark.parametrize(("classification", "trace", "because"), DOUBTS.values(), ids=DOUBTS)
def test_what_spoke_against_the_acknowledgement_goes_on_to(room: Room, classification: str, trace: list[list[str]], because: str) -> None:
    """decisions.md 9, contract section 6: nothing automatic follows later to a sender who got no acknowledgement for what the mail was."""
    ref = room.ticket()
    with room.database.durable() as connection:
        connection.execute(update(inbound).values(classification=classification, trace=trace))
    found = room.desk.preview_template("no_answer", BOB, ref=ref)
    assert because in found["because"] and bool(found["because"]) is bool(because)
    room.desk.do(ref, "wait", ROOT, days=1)
    room.clock.advance(days=2)
    room.scheduler().tick(room.clock.now())
    assert [one["system_generated"] for one in room.desk.list_outbox(ROOT)] == ([] if because else [True])
