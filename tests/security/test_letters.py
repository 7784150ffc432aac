"""What a letter must not carry: what its recipients never had, files that are not the item's, code; and what nobody gets out by writing one."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from sqlalchemy import select, update

from core.outbox import OutboxState
from core.refusal import NotFound, Refused
from gateway import desk_item_files, desk_letters
from gateway.desk_html import written
from gateway.desk_mail_bytes import MailBytesDesk
from gateway.desk_outbox import DEEDS
from gateway.desk_uploads import Upload
from gateway.inbound.parse import parse
from gateway.keys import Keys
from gateway.outbound.headers import envelope_address
from gateway.store import outboxes
from gateway.store.schema import inbound_body, item
from tests.desk.conftest import Room
from tests.desk.gate import Gate
from tests.desk.office import XAVER, put, with_another_team
from tests.desk.test_letters import KIM, opened, rich
from tests.flow.told import ANN, CARL, ROOT, letter


def leaves(gate: Gate, outbox_id: str) -> Any:
    with gate.house.database.read() as connection:
        return message_from_bytes(outboxes.raw(connection, outbox_id), policy=default)


def types(mail: Any) -> list[str]:
    return [part.get_content_type() for part in mail.walk() if not part.is_multipart()]


def test_the_pictures_of_a_mail_that_is_not_quoted_stay_behind(gate: Gate) -> None:
    """Who never had a mail gets no words of it, and none of its pictures as attachments either."""
    ref, mail_id = opened(gate, rich())
    sent = gate.desk.mail(ref, ANN, kind="reply", html="<p>Cool it.</p>", quote=True, to=[CARL], cc=[KIM])
    assert types(leaves(gate, sent["id"])) == ["text/plain", "text/html"]
    again = gate.desk.mail(ref, ANN, kind="reply", about=mail_id, html="<p>Cool it.</p>", quote=True, to=[CARL])
    assert "image/png" in types(leaves(gate, again["id"])), "those who had it get it as it was"


def test_a_virus_does_not_leave_inside_the_whole_mail(gate: Gate) -> None:
    """E-42: a file that only administrators are given, when they insist, is not handed on by attaching the mail that holds it."""
    ref, mail_id = opened(gate, rich())
    with gate.house.database.durable() as connection:
        found = connection.execute(select(inbound_body.c.attachments).where(inbound_body.c.inbound_id == mail_id)).scalar_one()
        infected = [{**one, "danger": "virus: Eicar"} if one["name"] == "run.exe" else one for one in found]
        connection.execute(update(inbound_body).where(inbound_body.c.inbound_id == mail_id).values(attachments=infected))
    whole: dict[str, Any] = {"kind": "forward", "about": mail_id, "as_attachment": True, "to": [KIM]}
    for by, anyway in ((ANN, False), (ANN, True), (ROOT, False)):
        with pytest.raises(Refused, match=r"run\.exe"):
            gate.desk.mail(ref, by, anyway=anyway, **whole)
    mail = leaves(gate, gate.desk.mail(ref, ROOT, anyway=True, **whole)["id"])
    assert "message/rfc822" in [part.get_content_type() for part in mail.walk()]


def test_nothing_of_an_item_out_of_sight_goes_with_a_letter(gate: Gate) -> None:
    """E-33: mails, attachments, files and drafts of another item do not exist for a letter or a draft, whoever writes it."""
    mine, my_mail = opened(gate, rich())
    theirs, secret = opened(gate, rich("secret@acme.example", to="claims@demo.example"))
    (file,) = gate.desk.add_files(theirs, ROOT, [Upload("plan.txt", b"the plan")])
    draft = gate.desk.save_draft(theirs, ROOT, text="Not for Ann.", attach=[Upload("paper.txt", b"x")])["id"]
    letters: tuple[dict[str, Any], ...] = (
        {"about": secret, "quote": True},
        {"about": secret, "kind": "forward"},
        {"about": secret, "kind": "forward", "as_attachment": True},
        {"from_mail": [(secret, 1)]},
        {"files": [file["id"]]},
        {"files": [gate.desk.show_draft(draft, ROOT)["files"][0]["id"]]},
    )
    for by in (ANN, ROOT):
        for asked in letters:
            for write in (gate.desk.mail, gate.desk.save_draft):
                with pytest.raises(Refused):
                    write(mine, by, text="Look.", to=[KIM], **asked)
    for look in (gate.desk.show_draft, gate.desk.open_draft, gate.desk.delete_draft, gate.desk.send_draft):
        with pytest.raises(NotFound):
            look(draft, ANN)
    with pytest.raises(NotFound):
        gate.desk.get_file(mine, file["id"], ANN)
    with pytest.raises(NotFound):
        gate.desk.save_draft(mine, ROOT, draft=draft, text="Moved over.")
    assert gate.desk.list_outbox(ROOT, states=("queued",), author=ANN) == [] and gate.desk.list_drafts(mine, ANN) == []
    assert my_mail != secret


def test_an_author_takes_nothing_from_an_item_that_left_their_sight(gate: Gate) -> None:
    """E-33: one's own mail stays one's own when its item moves on, but the item's files and mails are no longer there to be attached to it."""
    ref, mail_id = opened(gate, rich())
    (file,) = gate.desk.add_files(ref, ANN, [Upload("plan.txt", b"the plan")])
    sent = gate.desk.mail(ref, ANN, text="Hi.", send_at=gate.clock.now() + timedelta(hours=1))["id"]
    with gate.house.database.durable() as connection:
        connection.execute(update(item).values(queue="Claims", home_queue="Claims", assignee="", owner=""))
    for asked in ({"files": [file["id"]]}, {"from_mail": [(mail_id, 1)]}):
        with pytest.raises(NotFound, match="may see"):
            gate.desk.edit_mail(sent, ANN, bcc=[KIM], **asked)
    assert gate.desk.edit_mail(sent, ANN, attach=[Upload("own.txt", b"mine")])["attachment_count"] == 1


def test_an_edit_is_made_safe_by_every_door(gate: Gate) -> None:
    """C-CO-04: HTML that comes with an edit is cleaned and brings no files, also where the deed is asked for by its name."""
    ref, _ = opened(gate, rich())
    sent = gate.desk.mail(ref, ANN, text="Hi.", send_at=gate.clock.now() + timedelta(hours=1))["id"]
    gate.desk.do_with_mail("edit", sent, ANN, changes={"html": '<p>Hi.<img src="x" onerror="alert(1)"><script>alert(1)</script></p>', "files": ()})
    with gate.house.database.read() as connection:
        message = outboxes.get(connection, sent)
    assert message is not None
    page = outboxes.draft_of(message)[0].html
    assert "Hi." in page and "script" not in page and "onerror" not in page


def test_whom_an_edit_adds_is_told_to_its_author(gate: Gate) -> None:
    """C-CO-03: a stranger who is added to a waiting mail would read what it quotes; the author hears it as at the first writing."""
    ref, mail_id = opened(gate, rich())
    sent = gate.desk.mail(ref, ANN, kind="reply", about=mail_id, text="Hi.", quote=True, send_at=gate.clock.now() + timedelta(hours=1))["id"]
    said = " ".join(gate.desk.edit_mail(sent, ANN, cc=[KIM])["warnings"])
    assert f"Not on this item until now: {KIM}" in said and "quotes" in said
    assert KIM not in " ".join(gate.desk.edit_mail(sent, ANN, subject="Other")["warnings"])


NO_VALUES: list[dict[str, Any]] = [
    {"kind": "telegram"}, {"importance": "urgent!"}, {"method": "magic"}, {"send_at": "next \u202eyear"}, {"to": ["a@b>\r\nRCPT TO:<x"]}, {"from_": "ceo@demo.example"},
    {"from_": "claims@demo.example\r\nBcc: x@y"},
]  # fmt: skip


@pytest.mark.parametrize("given", NO_VALUES, ids=range(len(NO_VALUES)))
def test_a_draft_with_values_that_are_none_is_refused(room: Room, given: dict[str, Any]) -> None:
    """What comes from a page or the API and is no kind, no time, no address, no mailbox of the author's is answered with a sentence, and nothing is kept."""
    ref = room.ticket()
    with pytest.raises(Refused):
        room.desk.save_draft(ref, ANN, text="Hi.", **given)
    assert room.desk.list_drafts(ref, ANN) == []


HOSTILE = [
    '<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+">',
    '<img src="data:image/png;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+">',
    '<svg onload="alert(1)"><a xlink:href="javascript:alert(1)">x</a></svg>',
    '<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>',
    '<p style="background:url(https://spy.example/x);behavior:url(#x)">x</p>',
    '<style>@import url("https://spy.example/x.css");</style>x',
    '<a href="java&#10;script:alert(1)">x</a><a href="data:text/html,<script>">y</a>',
    '<base href="https://spy.example/"><meta http-equiv="refresh" content="0;url=https://spy.example/">x',
    '<form action="https://spy.example/"><input name="p"></form>x',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>x',
    '<img srcset="https://spy.example/x 2x" src="guichet-remote:javascript:alert(1)">',
    '<img data-remote-src="javascript:alert(1)" src="cid:somebody-elses@acme">',
    '<table background="https://spy.example/x"><td>x</td></table>',
    '<!--[if mso]><img src="https://spy.example/x"><![endif]-->x',
    '<p title=\'<img src="https://spy.example/x">\' onclick=alert(1)>x</p>',
]


@pytest.mark.parametrize("html", HOSTILE, ids=range(len(HOSTILE)))
def test_what_people_paste_does_nothing(html: str) -> None:
    """C-CO-04: no script, no style, no address but of links and images that load by plain https, and no file but a real image leaves with pasted HTML."""
    safe, images = written(f"<p>Hello</p>{html}", most=1_000_000)
    assert "Hello" in safe and images == ()
    tags = re.sub(r'title="[^"]*"', "", safe).lower()
    for harm in ("script", "onload", "onclick", "onerror", "<svg", "<math", "<style", "<form", "<iframe", "<base", "<meta", "url(", "data:", "spy.example"):
        assert harm not in tags, safe


def test_very_many_files_are_refused_before_they_are_looked_into(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """C-CO-09: a thousand archives in one mail, or more files than an item may have, cost nobody the time to open them."""
    ref = gate.ticket()
    for module in (desk_letters, desk_item_files):
        monkeypatch.setattr(module, "looked_at", lambda *_given, **_more: pytest.fail("looked into"))
    bomb = Upload("bomb.zip", b"PK\x03\x04")
    with pytest.raises(Refused, match="at most 100 files"):
        gate.desk.mail(ref, ANN, text="Look.", attach=[bomb] * 1_000)
    with pytest.raises(Refused, match="at most 1000 files"):
        gate.desk.add_files(ref, ANN, [bomb] * 1_001)


def test_the_mails_of_others_do_not_exist(room: Room, keys: Keys) -> None:
    """E-33: by id, in bulk, by every filter, as a file, in counts and pages: somebody of another team finds nothing, and changes nothing."""
    with_another_team(room)
    ref = room.ticket()
    sent = room.desk.mail(ref, ANN, text="Secret 100%.", subject="Plan_B")["id"]
    files = MailBytesDesk(room.database, room.setups, room.clock, room.apply, keys)
    for deed in DEEDS:
        with pytest.raises(NotFound):
            room.desk.do_with_mail(deed, sent, XAVER, changes={"text": "Mine."} if deed == "edit" else None)
        (done,) = room.desk.do_with_mails(deed, XAVER, ids=[sent])
        assert not done["done"] and ref not in str(done)
        assert list(room.desk.do_with_mails(deed, XAVER, view="all", text="%", states=("queued",))) == []
    for look in (room.desk.show_outbox, files.eml):
        with pytest.raises(NotFound):
            look(sent, XAVER)
    for filters in ({"text": "%"}, {"text": "_"}, {"text": "Plan"}, {"author": ANN}, {"connector": "support"}, {"states": ("queued",)}):
        assert room.desk.outbox_page(XAVER, view="all", **filters)["rows"] == []
    assert {view: found["total"] for view, found in room.desk.count_outbox(XAVER).items()} == dict.fromkeys(("mine", "team", "system", "all"), 0)
    theirs = room.desk.outbox_page(ANN, view="all", rows=10)["rows"][0]["cursor"]
    assert room.desk.outbox_page(XAVER, view="all", cursor=theirs)["rows"] == []
    with pytest.raises(NotFound):
        room.desk.list_outbox(XAVER, ref=ref)
    room.set_mail(sent, OutboxState.SENT)
    put(room, sent, sent_at=room.clock.now())
    assert room.desk.sent_items(XAVER, team=True) == room.desk.sent_items(XAVER, sent_by=ANN) == []
    assert [one["id"] for one in room.desk.sent_items(ANN)] == [sent]


FROMS = [
    "=?utf-8?q?Carl=0D=0ABcc=3A_eve@evil.example?= <carl@acme.example>",
    "=?utf-8?q?Carl_=E2=80=AEelpmaxe.knab=40oec?= <carl@acme.example>",
    '"Carl\\"\\\\ <ceo@demo.example>" <carl@acme.example>',
    "carl@acme.example (=?utf-8?q?=0D=0A.=0D=0AMAIL?=)",
    "=?utf-8?q?" + "=C3=A9" * 500 + "?= <carl@acme.example>",
    "Carl <carl@acme.example>, Eve <eve@evil.example>",
]
REPLY_TOS = [
    "",
    '"x\\r\\nRCPT TO:<eve@evil.example>" <carl@acme.example>',
    "a@[127.0.0.1], <@evil.example:carl@acme.example>, b@" + "x" * 300 + ".example",
    "group: one@acme.example, two@acme.example;",
    "support@demo.example",
    ", ".join(f"r{n}@acme.example" for n in range(300)),
    "carl@acme.example>\tSIZE=1, carl@acme.example",
]


@pytest.mark.parametrize("sender", FROMS, ids=range(len(FROMS)))
def test_a_hostile_header_does_not_come_back_in_ours(gate: Gate, sender: str) -> None:
    """Whoever a mail says it is from and wants answered: an answer has our fields, each once, addresses that can stand in a command, at most a hundred."""
    raw = letter("Hot", "It is hot.", message_id="m1@acme.example", sender="SENDER").replace(b"SENDER", sender.encode())
    headers = b"Subject: =?utf-8?q?Hot=0D=0ABcc=3A_eve@evil.example?=\r\nReferences: <a@b> =?utf-8?q?=0D=0A?= <x\t@y> <" + b"z" * 2_000 + b"@y>\r\n"
    for n, reply_to in enumerate(REPLY_TOS):
        hostile = re.sub(rb"(?m)^Subject: .*\r?\n", headers + f"Reply-To: {reply_to}\r\n".encode(), raw.replace(b"m1@", f"m{n}@".encode()))
        mail_id = gate.comes_in(hostile, CARL)
        refs = gate.desk.show_inbound(mail_id, ROOT)["items"]
        assert refs, (reply_to, gate.desk.show_inbound(mail_id, ROOT))
        for kind in ("reply", "reply_all", "forward"):
            more: dict[str, Any] = {"to": [KIM]} if kind == "forward" else {}
            try:
                sent = gate.desk.mail(refs[0], ANN, kind=kind, about=mail_id, text="Hi.", html="<p>Hi.</p>", quote=True, **more)
            except Refused as refused:
                assert re.search("nobody|most 100 recipients|no e-mail address|not an e-mail", str(refused)), refused
                continue
            with gate.house.database.read() as connection:
                message, data = outboxes.get(connection, sent["id"]), outboxes.raw(connection, sent["id"])
            assert message is not None and parse(data).defects == ()
            names = [line.partition(b":")[0].lower() for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n") if line[:1] not in b" \t"]
            assert len(names) == len(set(names)) and b"bcc" not in names and max(map(len, data.split(b"\r\n"))) < 998
            assert all(envelope_address(one.address.address) and "evil" not in one.address.domain for one in message.recipients)
            assert not any(gate.house.setup().is_ours(one.address.address) for one in message.recipients)
            assert "\u202e" not in str(message_from_bytes(data, policy=default)["To"])
