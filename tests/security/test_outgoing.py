"""What leaves or is read to leave: templates, queues of other systems, files of this machine, connection tests of a copied system."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.mail import Address
from core.refusal import Refused
from core.setup import Setup
from gateway.cli.import_outbox import _files
from gateway.cli.letter_options import LARGEST, uploads
from gateway.clock import FakeClock
from gateway.connecting.protocol import Protocol
from gateway.connecting.report import Failed, Trial
from gateway.connecting.round_trip import Post, walk
from gateway.connecting.surroundings import Surroundings
from gateway.desk_mail_bytes import MailBytesDesk
from gateway.keys import Keys
from gateway.outbound import old_queue
from gateway.outbound.dkim import domain_of_author
from gateway.outbound.template_language import MAX_OUTPUT, TemplateTrouble, fill
from gateway.outbound.template_values import values_for
from gateway.store import outboxes
from gateway.store.engine import Database
from gateway.store.setups import Setups
from tests.conftest import free_port
from tests.desk.conftest import Room
from tests.desk.office import ROOT, save

HEAD = b"From: a@b.example\r\nTo: c@d.example\r\n"

ESCAPES = [
    "{{ item.ref.upper }}",
    "{{ item.ref.__class__.__mro__ }}",
    "{{ (title ~ subject).format }}",
    "{{ 'a'.join }}",
    "{% if false %}{{ title.__init__.__globals__ }}{% endif %}",
    "{{ item }}",
    "{{ item['ref'] }}",
    "{{ title|attr('format') }}",
    "{{ title|default.__code__ }}",
    "{{ self }}",
    "{{ cycler }}",
    "{{ title.x() }}",
    "{% set x = title %}{{ x }}",
    "{% for c in title %}{{ c }}{% endfor %}",
    "{% include 'x' %}",
    "{% import 'os' as os %}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 'a' * 1000000000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ [title] }}",
    "{{ {'a': title} }}",
    "{{ title|replace('a', 'b') }}",
    "{{ title is filter }}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_a_template_reaches_nothing_but_its_values(source: str) -> None:
    """C-TP-05: whatever is not a value of the table, a choice or a filter of the list is refused when the template is read, before anything of it runs."""
    with pytest.raises(TemplateTrouble, match=r"allowed|no value|expected|unknown|unexpected"):
        fill(source, values_for(Setup(name="Desk"), "en", "1-T", {"title": "T", "subject": "S"}))


def test_a_template_is_ended_where_it_is_too_much() -> None:
    """A mail that would have a hundred million characters is not put together to be measured."""
    values = values_for(Setup(name="Desk"), "en", "1-T", {"failures": "x" * 16_384})
    with pytest.raises(TemplateTrouble, match=f"more than {MAX_OUTPUT}"):
        fill("{{failures}}{{name}}" * 3_000, values)


QUEUED = [
    b"From: a@b.example\r\nTo: " + b"(" * 50_000,
    b"From: " + b"(" * 50_000 + b" a@b.example\r\nTo: c@d.example",
    b"From: a@b.example\r\nTo: " + b"a:" * 100_000,
    HEAD + b"Content-Type: text/plain; charset*0=u; charset*=x''%",
    HEAD + b"Content-Type: text/plain; charset=undefined",
    HEAD + b"Content-Type: text/plain; charset=idna",
    HEAD + b"Content-Type: text/plain; charset=zlib",
    HEAD + b"Subject: =?zlib?b?YWJj?= =?utf-8?b?a?= =?idna?q?" + b"a" * 100_000 + b"?=",
    HEAD + b"Content-Type: multipart/mixed; " + b"a*0=b;" * 20_000,
    HEAD + b"Content-Type: message/rfc822\r\n\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 5_000,
]


@pytest.mark.parametrize("raw", QUEUED, ids=range(len(QUEUED)))
@pytest.mark.timeout(20)
def test_a_hostile_mail_in_an_old_queue_is_read_or_refused(raw: bytes) -> None:
    """A-OB-17: comments without end, odd charsets and parameters neither end the import of the others nor the signing of what was taken."""
    try:
        found = old_queue.read(raw + b"\r\n\r\nx")
    except Refused as refused:
        assert str(refused).startswith("Its ")
    else:
        assert found.sender == Address("a@b.example")
    assert domain_of_author(raw + b"\r\n\r\nx") in ("b.example", "")


def test_an_imported_mail_does_not_slip_past_the_archive(room: Room, keys: Keys) -> None:
    """C-GW-05: the desk's own blind copy goes with every mail that leaves, also with one that another system had queued, in no header of it."""
    save(room, bcc_all=("archive@audit.example",))
    files = MailBytesDesk(room.database, room.setups, room.clock, room.apply, keys)
    made = files.import_mail(HEAD + b"Message-ID: <old@old.example>\r\nBcc: hidden@acme.example\r\n\r\nx", ROOT)
    with room.database.read() as connection:
        message, raw = outboxes.get(connection, made["id"]), outboxes.raw(connection, made["id"])
    assert message is not None
    assert {one.address.address: one.role for one in message.recipients} == {"c@d.example": "to", "hidden@acme.example": "bcc", "archive@audit.example": "sys"}
    assert b"archive" not in raw and b"hidden" not in raw
    assert files.import_mail(raw, ROOT)["known"], "its Message-ID is in the outbox: a second import changes nothing"


def test_a_device_is_not_read_for_ever(tmp_path: Path) -> None:
    """A link to a device has no size and no end: as a file for a letter it is refused, and a folder to import names neither such nor pipes."""
    (tmp_path / "endless.eml").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.eml")
    (tmp_path / "folder.eml").mkdir()
    (tmp_path / "one.eml").write_bytes(HEAD)
    with pytest.raises(Refused, match="larger than 100 MB"):
        uploads((tmp_path / "endless.eml",))
    assert list(_files((tmp_path,))) == [tmp_path / "one.eml"]
    assert LARGEST == old_queue.LARGEST


def test_a_round_trip_does_not_slip_past_the_redirection(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> None:
    """C-GW-05: the addresses of a copied system are those of the real one, so its connection test writes to none of them."""
    setups, post = Setups(clock), Post(database, keys, clock)
    around = Surroundings(Path("/nonexistent"), {}, "desk.example", lambda _connector, _way: "", {})
    connector = replace(example_setup.connectors[0], outgoing={"kind": "smtp", "host": "127.0.0.1", "port": free_port(), "security": "none"})
    for redirected, says in (((), False), (("sink@test.example",), True)):
        with database.durable() as connection:
            setups.save(connection, replace(example_setup, redirect_all=redirected), "root@demo.example", clock.now())
        with pytest.raises(Failed, match="redirect_all and to nobody else" if says else "no connection to"):
            walk(Trial(Protocol()), connector, around, post)
