"""Replies, forwards and files of letters, written at the desk about mails that came in, and read back from the bytes that leave; on both databases."""

from __future__ import annotations

import time
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from core.decision import Suppression
from core.refusal import NotFound, Refused
from core.writing import Letter
from gateway.desk_html import quotable, written
from gateway.desk_uploads import Upload
from gateway.inbound.parse import parse
from gateway.outbound.sealing import sealed_with_files
from gateway.store import brakes, connector_status, outboxes
from tests.desk.gate import EVE, Gate
from tests.flow.told import ANN, CARL, ROOT

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60
PDF = b"%PDF-1.7 hello"
BOSS, KIM = "boss@acme.example", "kim@other.example"


def rich(message_id: str = "rich@acme.example", *, html: str = "", to: str = "support@demo.example", **headers: str) -> bytes:
    """Carl's mail with a page, a picture of it, a paper and a program."""
    mail = EmailMessage(policy=default.clone(linesep="\r\n"))
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = f"Carl Customer <{CARL}>", to, "Hot pump", f"<{message_id}>"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("It is hot.\n")
    page = html or '<p>It is <b>hot</b>.<img src="cid:pic@acme"><img src="https://spy.example/x.png" width="200"><a href="https://acme.example/">us</a></p>'
    mail.add_alternative(page, subtype="html")
    mail.get_payload()[1].add_related(PNG, "image", "png", cid="<pic@acme>", filename="pic.png")  # type: ignore[index, union-attr]
    mail.add_attachment(PDF, "application", "pdf", filename="paper.pdf")
    mail.add_attachment(b"MZ\x90\0\3", "application", "octet-stream", filename="run.exe")
    return mail.as_bytes()


def opened(gate: Gate, raw: bytes) -> tuple[str, str]:
    """The ticket that a mail opened, and the mail's id."""
    mail_id = gate.comes_in(raw, to=str(message_from_bytes(raw)["To"]))
    (ref,) = gate.desk.show_inbound(mail_id, ROOT)["items"]
    return ref, mail_id


def leaves(gate: Gate, sent: dict[str, Any]) -> Any:
    """The mail as it leaves, read by the standard library; our own reader finds nothing wrong with it."""
    with gate.house.database.read() as connection:
        raw = outboxes.raw(connection, sent["id"])
    assert parse(raw).defects == ()
    return message_from_bytes(raw, policy=default)


def text_of(mail: Any, kind: str = "plain") -> str:
    return str(mail.get_body((kind,)).get_content()).replace("\r\n", "\n")


def newest_in(gate: Gate, ref: str) -> str:
    return str(next(line["inbound_id"] for line in gate.seen(ref)["timeline"] if line["kind"] == "mail_in"))


def names(mail: Any) -> list[str]:
    return [part.get_filename() for part in mail.walk() if part.get_content_disposition() == "attachment"]


# ---------------------------------------------------------------- replies


def test_a_reply_to_an_older_mail_quotes_it(gate: Gate) -> None:
    """C-CO-06, contract section 6: In-Reply-To is that mail, References ends with it, its page is quoted with its picture and nothing remote."""
    ref, first = opened(gate, rich(Cc=f"{BOSS}, support@demo.example"))
    gate.answer(1, to="rich@acme.example")
    sent = gate.desk.mail(ref, ANN, kind="reply_all", about=first, quote=True, html="<p>Cool it.<script>alert(1)</script></p>")
    assert (sent["to"], sent["cc"]) == ([f"Carl Customer <{CARL}>"], [BOSS])
    mail = leaves(gate, sent)
    assert mail["In-Reply-To"] == "<rich@acme.example>"
    assert mail["References"].split()[-1] == "<rich@acme.example>"
    assert mail["Subject"] == f"Re: [{ref}] Hot pump"
    text, page = text_of(mail), text_of(mail, "html")
    assert text.startswith("Cool it.\n\nOn 2 March 2026 at 10:00 (CET), Carl Customer wrote:\n> It is hot.")
    assert "<script" not in page and "spy.example" not in page and 'href="https://acme.example/"' in page
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert f"cid:{picture['Content-ID'].strip('<>')}" in page and picture.get_content() == PNG
    assert names(mail) == [], "an answer sends nothing back but the picture that the page shows"


def test_a_reply_without_quoting_is_the_authors_words(gate: Gate) -> None:
    """Quoting is asked for; by command and API the words stand alone unless it is."""
    ref, _ = opened(gate, rich())
    assert text_of(leaves(gate, gate.desk.mail(ref, ANN, kind="reply", text="Cool it."))) == "Cool it.\n"


def test_what_somebody_never_had_is_not_quoted_to_them(gate: Gate) -> None:
    """decisions.md: a recipient who was not on the mail gets the answer without it, and the author is told so."""
    ref, _ = opened(gate, rich())
    sent = gate.desk.mail(ref, ANN, kind="reply", text="Cool it.", quote=True, to=[CARL], cc=[KIM])
    assert text_of(leaves(gate, sent)) == "Cool it.\n"
    assert any(f"The original is not quoted: {KIM} did not get it" in one for one in sent["warnings"])


def test_held_mail_and_notes_never_get_into_an_answer(gate: Gate) -> None:
    """decisions.md, held: a held mail is not answered before it is joined, and what it says is in nobody's quotation; nor is a note."""
    ref = gate.ticket()
    held = gate.held(ref)
    gate.desk.note(ref, ANN, "Carl is slow to pay.")
    with pytest.raises(Refused, match="is held"):
        gate.desk.mail(ref, ANN, kind="reply", about=held, text="Hi.", quote=True)
    sent = gate.desk.mail(ref, ANN, kind="reply", about=newest_in(gate, ref), text="Hi.", quote=True)
    said = text_of(leaves(gate, sent))
    assert "> It is Hot 1." in said
    assert "Let me in" not in said and "slow to pay" not in said and EVE not in said
    handed_on = gate.desk.mail(ref, ANN, kind="forward", about=held, to=[KIM])
    assert "Let me in" in text_of(leaves(gate, handed_on)), "a forward is somebody's own decision"


def test_an_answer_that_has_not_arrived_is_not_quoted(gate: Gate) -> None:
    """Ours that is still in the outbox, or was cancelled: nobody has it, so it is not quoted; a cancelled one is not the newest either."""
    ref = gate.ticket()
    gate.desk.mail(ref, ANN, text="A secret that waits.", undo=timedelta(minutes=5))
    waits = gate.desk.mail(ref, ANN, kind="reply", text="Hi.", quote=True, undo=timedelta(minutes=5))
    assert "secret" not in text_of(leaves(gate, waits))
    first = gate.desk.mail(ref, ANN, text="A secret for nobody.")
    gate.desk.cancel_mail(first["id"], ANN)
    gate.desk.cancel_mail(waits["id"], ANN)
    newest = leaves(gate, gate.desk.mail(ref, ANN, kind="reply", text="Hi."))
    assert first["message_id"] not in newest["In-Reply-To"]
    sent = gate.desk.mail(ref, ANN, kind="reply", about=first["id"], text="Hi.", quote=True)
    assert "secret" not in text_of(leaves(gate, sent))


def test_a_mail_of_another_item_is_not_there(gate: Gate) -> None:
    """An id of a mail that is not on this item tells nothing of it."""
    ref = gate.ticket(1)
    gate.ticket(2, "Cold")
    other = next(line["inbound_id"] for line in gate.seen(gate.desk.list_items(ROOT, text="Cold")[0]["ref"])["timeline"] if line["kind"] == "mail_in")
    for arguments in ({"kind": "reply", "about": other}, {"kind": "forward", "about": other, "to": [KIM]}, {"from_mail": [(other, 1)]}):
        with pytest.raises(NotFound, match="There is no mail"):
            gate.desk.mail(ref, ANN, text="Hi.", **arguments)


# ---------------------------------------------------------------- forwards


def test_a_forward_hands_on_words_and_files(gate: Gate) -> None:
    """C-CO-06: the lines above, the page, its picture and the paper; the program stays behind, which is said; a thread of its own."""
    ref, mail_id = opened(gate, rich(Cc=BOSS))
    sent = gate.desk.mail(ref, ANN, kind="forward", about=mail_id, to=[KIM])
    mail = leaves(gate, sent)
    assert (mail["In-Reply-To"], mail["References"], mail["Subject"]) == (None, None, f"[{ref}] Fwd: Hot pump")
    text = text_of(mail)
    assert f"From: Carl Customer <{CARL}>" in text and f"Cc: {BOSS}" in text and "It is hot." in text
    assert "cid:" in text_of(mail, "html") and "spy.example" not in text_of(mail, "html")
    assert names(mail) == ["paper.pdf"]
    assert any("Not forwarded: “run.exe”" in one for one in sent["warnings"])
    assert {one["name"]: one["source"] for one in gate.desk.list_files(ref, ANN)} == {"paper.pdf": f"inbound:{mail_id}:2"}


def test_a_dangerous_file_goes_with_a_forward_only_when_asked(gate: Gate) -> None:
    """E-42: asked twice."""
    ref, _ = opened(gate, rich())
    sent = gate.desk.mail(ref, ANN, kind="forward", to=[KIM], text="Look.", anyway=True)
    assert names(leaves(gate, sent)) == ["pic.png", "paper.pdf", "run.exe"], "a forward in text has the picture as a file"


def test_a_forward_as_attachment_is_the_whole_mail(gate: Gate) -> None:
    """RFC 2046 section 5.2.1: message/rfc822, byte by byte as it came; our own reader finds it."""
    raw = rich()
    ref, _ = opened(gate, raw)
    mail = leaves(gate, gate.desk.mail(ref, ANN, kind="forward", to=[KIM], as_attachment=True, text="Look."))
    (inner,) = [part for part in mail.walk() if part.get_content_type() == "message/rfc822"]
    assert inner.get_filename() == "Hot pump.eml"
    whole = inner.get_payload(0)
    assert (whole["Message-ID"], [part.get_filename() for part in whole.walk() if part.get_content_disposition() == "attachment"]) == (
        "<rich@acme.example>",
        ["pic.png", "paper.pdf", "run.exe"],
    )


def test_our_own_mail_is_forwarded_with_its_files(gate: Gate) -> None:
    """The files are those that are stored already."""
    ref = gate.ticket()
    first = gate.desk.mail(ref, ANN, text="See the paper.", attach=[Upload("paper.pdf", PDF)])
    mail = leaves(gate, gate.desk.mail(ref, ANN, kind="forward", about=first["id"], to=[KIM]))
    assert names(mail) == ["paper.pdf"] and "See the paper." in text_of(mail)
    assert len(gate.desk.list_files(ref, ANN)) == 1


# ---------------------------------------------------------------- HTML


def test_html_is_cleaned_and_its_images_are_files(gate: Gate) -> None:
    """Scripts, forms and styles that fetch go; a `data:` image becomes a part named by `cid:`; remote images and links stay; a text part always."""
    ref = gate.ticket()
    data = f"data:image/png;base64,{b64encode(PNG).decode()}"
    page = f'<p onclick="x()">Hi <img src="{data}" alt="logo"><img src="{data}"><img src="https://demo.example/l.png">'
    page += '<a href="javascript:x">y</a><iframe src="z"></iframe></p>'
    sent = gate.desk.mail(ref, ANN, html=page)
    mail = leaves(gate, sent)
    html = text_of(mail, "html")
    assert all(bad not in html for bad in ("onclick", "javascript", "iframe", "data:image"))
    assert 'src="https://demo.example/l.png"' in html and html.count("src=\"cid:") == 2
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png"]
    assert text_of(mail).strip().startswith("Hi")


def test_only_pictures_of_the_page_become_files() -> None:
    """An address in the words of a mail stays words; without quotation marks what stands behind the address is kept."""
    data = f"data:image/png;base64,{b64encode(PNG).decode()}"
    html, images = written(f"<p>See {data} and more words</p><img src={data} alt=logo>", most=10_000)
    assert (len(images), data in html, "and more words" in html, 'alt="logo"' in html) == (1, True, True, True)


def test_html_that_is_no_page_is_refused(gate: Gate) -> None:
    """A bomb, and one that is too long: the sentence says what to do."""
    ref = gate.ticket()
    with pytest.raises(Refused, match="cannot be made safe"):
        gate.desk.mail(ref, ANN, html="<b>" * 100_000)
    with pytest.raises(Refused, match="Attach it as a file"):
        gate.desk.mail(ref, ANN, html="<p>" + "x" * 900_000)
    assert gate.seen(ref)["status"] == "to_do"


NO_PICTURES = ["data:image/png;base64,AAAA", "data:image/png;base64,%%%", "data:image/svg+xml;base64,PHN2Zz4=", "data:text/html;base64,PHNjcmlwdD4="]


@pytest.mark.parametrize("address", NO_PICTURES)
def test_what_is_no_picture_is_dropped(address: str) -> None:
    """Only bytes that are a picture become a file; nothing else gets through as an address."""
    html, images = written(f'<p><img src="{address}" alt="x">y</p>', most=10_000)
    assert images == () and "data:" not in html and "svg" not in html


def test_a_quotation_of_five_megabytes(gate: Gate) -> None:
    """A mail with a very long page is answered and forwarded within seconds; what is quoted of it has an end, and says so."""
    ref, _ = opened(gate, rich(html="<p>" + "<div>line of text</div>\n" * 200_000 + "</p>"))
    started = time.monotonic()
    mail = leaves(gate, gate.desk.mail(ref, ANN, kind="reply", html="<p>Hi.</p>", quote=True))
    assert time.monotonic() - started < 10
    assert len(mail.as_bytes()) < 3_000_000


# ---------------------------------------------------------------- files


def test_files_of_all_kinds_go_with_a_mail(gate: Gate) -> None:
    """A file at hand, one of the item, one of a mail; the same content under the same name is stored once; order is kept."""
    ref, mail_id = opened(gate, rich())
    (kept,) = gate.desk.add_files(ref, ANN, [Upload("plan.txt", b"plan")])
    sent = gate.desk.mail(ref, ANN, text="See attached.", files=[kept["id"]], attach=[Upload("note.txt", b"note")], from_mail=[(mail_id, 2)])
    assert names(leaves(gate, sent)) == ["plan.txt", "note.txt", "paper.pdf"]
    assert not any("nothing is attached" in one for one in sent["warnings"])
    line = next(line for line in gate.seen(ref)["timeline"] if line.get("outbox_id") == sent["id"])
    assert [one["name"] for one in line["attachments"]] == ["plan.txt", "note.txt", "paper.pdf"]
    assert gate.desk.show_outbox(sent["id"], ANN)["files"] == line["attachments"]
    again = gate.desk.mail(ref, ANN, text="Again.", attach=[Upload("note.txt", b"note")], from_mail=[(sent["id"], 1)])
    assert names(leaves(gate, again)) == ["plan.txt", "note.txt"]
    assert [one["name"] for one in gate.desk.list_files(ref, ANN)] == ["note.txt", "paper.pdf", "plan.txt"]
    with pytest.raises(Refused, match=r"run\.exe"):
        gate.desk.mail(ref, ANN, text="Hi.", from_mail=[(mail_id, 3)])
    with pytest.raises(NotFound, match="There is no file"):
        gate.desk.mail(ref, ANN, text="Hi.", files=["nowhere"])


HOSTILE = ["a\r\nBcc: v@x.example.txt", "../../etc/passwd.txt", "\u202egpj.txt", 'a";x="b.txt', "é" * 300 + ".txt", "报告.txt"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_a_file_breaks_a_header(gate: Gate, name: str) -> None:
    """Whatever a file is called, the mail has the header it should have, and one file with a name that is safe."""
    ref = gate.ticket()
    mail = leaves(gate, gate.desk.mail(ref, ANN, text="Hi.", attach=[Upload(name, b"x")]))
    assert (mail["Bcc"], mail.defects) == (None, [])
    (found,) = names(mail)
    assert found and not set(found) & set("\r\n/\\\u202e\"")


def test_people_with_odd_names_are_written_to(gate: Gate) -> None:
    """Line ends and marks that turn the direction of writing do not get from a name into a header."""
    ref = gate.ticket()
    mail = leaves(gate, gate.desk.mail(ref, ANN, text="Hi.", to=["\u202eeiB\r\n lraC\x00 <carl@acme.example>"]))
    assert (mail["To"], mail["Bcc"]) == ("eiB lraC <carl@acme.example>", None)


# ---------------------------------------------------------------- size, recipients, sender


def limited(gate: Gate, **changes: Any) -> None:
    """The desk with other limits."""
    with gate.house.database.durable() as connection:
        setup = gate.house.setups.current(connection)
        gate.house.setups.save(connection, replace(setup, **changes), ROOT, gate.clock.now())


def test_a_mail_that_is_too_large_is_not_saved(gate: Gate) -> None:
    """C-CO-09: by the desk's limit and by the server's, counted as it leaves; nothing of it is kept, and the sentence names sizes and the largest file."""
    ref = gate.ticket()
    big = Upload("big.txt", b"x" * 300_000)
    limited(gate, max_mail_size=350_000)
    with pytest.raises(Refused, match=r"0\.4 MB as it leaves.*0\.3 MB|0\.4 MB as it leaves.*0\.4 MB.*big\.txt"):
        gate.desk.mail(ref, ANN, text="See attached.", attach=[big])
    assert gate.desk.list_files(ref, ANN) == [] and gate.seen(ref)["status"] == "to_do"
    limited(gate, max_mail_size=1_000_000)
    with gate.house.database.durable() as connection:
        connector_status.note_size_limit(connection, "support", 200_000)
    with pytest.raises(Refused, match=r"the server of “support” takes 0\.2 MB"):
        gate.desk.mail(ref, ANN, text="See attached.", attach=[big])
    with gate.house.database.durable() as connection:
        connector_status.note_size_limit(connection, "support", 0)
    sent = gate.desk.mail(ref, ANN, text="See attached.", attach=[big], send_at=gate.clock.now().replace(hour=23))
    limited(gate, max_mail_size=350_000)
    assert gate.desk.send_mail_now(sent["id"], ANN)["state"] == "queued", "C-SC-02: accepted under an older limit, it is still sent"


def test_recipients_outside_the_item_are_named(gate: Gate) -> None:
    """C-CO-03, C-CO-12: the answer says who has nothing to do with the item, who is ours; sending goes on; afterwards they belong to it."""
    ref = gate.ticket()
    assert gate.desk.recipient_warnings(ref, ANN, to=[CARL]) == ()
    sent = gate.desk.mail(ref, ANN, text="The invoice is attached.", to=[CARL, KIM], cc=["claims@demo.example"])
    assert [one for one in sent["warnings"] if KIM in one] == [f"Not on this item until now: {KIM}."]
    assert any(one.startswith("A mailbox of this desk: claims@demo.example") for one in sent["warnings"])
    assert any("nothing is attached" in one for one in sent["warnings"])
    assert gate.desk.recipient_warnings(ref, ANN, to=[KIM]) == ()
    with gate.house.database.durable() as connection:
        brakes.suppress(connection, Suppression(KIM, gate.clock.now() + timedelta(days=1), "5.1.1"))
    assert gate.desk.recipient_warnings(ref, ANN, to=[KIM]) == (f"Mail to this address came back lately: {KIM}.",)
    with pytest.raises(Refused, match="“carl@” is not an e-mail address"):
        gate.desk.mail(ref, ANN, text="Hi.", to=["carl@"])


def test_the_author_may_choose_the_sender(gate: Gate) -> None:
    """E-36: without a word the address the customer wrote to; else one of the item's mailboxes, and no other."""
    ref = gate.ticket()
    assert "support@demo.example" in gate.desk.mail(ref, ANN, text="Hi.")["from"]
    assert "help@demo.example" in gate.desk.mail(ref, ANN, text="Hi.", from_="help@demo.example")["from"]
    with pytest.raises(Refused, match="is no address that this mail can be sent from"):
        gate.desk.mail(ref, ANN, text="Hi.", from_="ceo@bank.example")


def test_importance_stands_in_the_header(gate: Gate) -> None:
    """C-CO-06: high and low; normal says nothing."""
    ref = gate.ticket()
    found = {one: leaves(gate, gate.desk.mail(ref, ANN, text="Hi.", importance=one))["Importance"] for one in ("high", "normal", "low")}
    assert found == {"high": "high", "normal": None, "low": "low"}
    with pytest.raises(Refused, match="importance"):
        gate.desk.mail(ref, ANN, text="Hi.", importance="urgent")


def test_a_letter_needs_nothing_but_a_text() -> None:
    """What was asked for before there were kinds is still what it was: an answer to the newest mail, without a quotation or files."""
    letter = Letter("Hi.")
    assert (letter.kind.value, letter.about, letter.quote, letter.files, letter.from_) == ("answer", "", False, (), "")


def test_the_files_and_the_page_of_a_queued_mail_are_changed(gate: Gate) -> None:
    """E-27: files are added and taken away, new HTML is cleaned and is the text too; too large is refused, and then all is as it was."""
    ref = gate.ticket()
    sent = gate.desk.mail(ref, ANN, html="<p>Hi.</p>", attach=[Upload("a.txt", b"a"), Upload("b.txt", b"b")], send_at=gate.clock.now().replace(hour=23))
    gone = next(one["id"] for one in gate.desk.list_files(ref, ANN) if one["name"] == "a.txt")
    data = f"data:image/png;base64,{b64encode(PNG).decode()}"
    gate.desk.edit_mail(sent["id"], ANN, html=f'<p onclick="x">Ho. <img src="{data}"></p>', attach=[Upload("c.txt", b"c")], without=[gone])
    with gate.house.database.read() as connection:
        message = outboxes.get(connection, sent["id"])
        assert message is not None
        draft, item_ref = outboxes.draft_of(message)
        setup = gate.house.setups.current(connection)
        sealed = sealed_with_files(connection, draft, setup.connectors[0], setup, gate.house.keys, ref=item_ref)
    mail = message_from_bytes(sealed.bytes, policy=default)
    assert (names(mail), text_of(mail).strip(), message.attachment_count) == (["b.txt", "c.txt"], "Ho.", 2)
    assert "onclick" not in text_of(mail, "html") and "cid:" in text_of(mail, "html")
    limited(gate, max_mail_size=100_000)
    with pytest.raises(Refused, match="max_mail_size"):
        gate.desk.edit_mail(sent["id"], ANN, attach=[Upload("big.txt", b"x" * 90_000)])
    assert [one["name"] for one in gate.desk.list_files(ref, ANN)] == ["a.txt", "b.txt", "c.txt"]
    gate.desk.edit_mail(sent["id"], ANN, html="<p>Without a picture.</p>")
    with gate.house.database.read() as connection:
        after = outboxes.get(connection, sent["id"])
    assert after is not None and [one["name"] for one in after.content["files"]] == ["b.txt", "c.txt"]


def test_who_does_not_see_the_item_sees_none_of_it(gate: Gate) -> None:
    """decisions.md 21: files, warnings and letters of an item out of sight do not exist."""
    ref, _ = opened(gate, rich(to="claims@demo.example"))
    for deed in (
        lambda: gate.desk.list_files(ref, ANN),
        lambda: gate.desk.recipient_warnings(ref, ANN, to=[KIM]),
        lambda: gate.desk.mail(ref, ANN, kind="forward", to=[KIM]),
    ):
        with pytest.raises(NotFound):
            deed()


SHOWN = [
    ('<img src="cid:pic@acme" alt="x">', '<img src="cid:new@inline" alt="x">'),
    ('<img alt="x" src="CID:PIC%40acme">', '<img alt="x" src="cid:new@inline">'),
    ('<img src="cid:other@acme" alt="a cat">', '<img alt="a cat">'),
    ('<img data-remote-src="https://spy.example/x" alt="a cat">', '<img alt="a cat">'),
    ('<img alt="" data-tracker="">', '<img alt="">'),
    ('<p title="<img src=">x</p>', '<p title="<img src=">x</p>'),
    ('<a href="https://acme.example/">us</a>', '<a href="https://acme.example/">us</a>'),
]


@pytest.mark.parametrize(("html", "quoted"), SHOWN)
def test_the_images_of_a_quotation(html: str, quoted: str) -> None:
    """Those that go with it under their new ids, all others by their description; whoever gets it tells nobody by reading it."""
    assert quotable(html, {"pic@acme": "new@inline"}) == quoted
