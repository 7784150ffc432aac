"""Trouble with a way out is told by another way: mails, log, command; braked, and its end is told too."""

from __future__ import annotations

import logging
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from core.alarms import BRAKE, REMIND, WORDS, Alarm, AlarmKind, administrators, is_to_be_told, sentence
from core.brakes import Brakes, Lately, why_held
from core.delivery import Meaning
from core.health import Health
from core.outbox import OutboxEvent, OutboxState, Purpose
from core.setup import Role, Setup, User
from gateway.alarm_watch import AlarmWatch
from gateway.outbound.alarms import Alarms
from gateway.outbound.dispatch import Dispatcher
from gateway.store import alarms, connector_status, outboxes
from tests.outbound.drafts import NOW, House
from tests.outbound.peer import Peer

EHLO = "250-peer\r\n250 AUTH PLAIN"
REFUSED = "535 5.7.8 wrong password"


@pytest.fixture
def peers() -> Iterator[tuple[Peer, Peer]]:
    """Two servers: the first refuses four log-ins, then takes them; the second has nothing against anything."""
    with Peer({"EHLO": EHLO, "AUTH": [REFUSED] * 4 + ["235 2.7.0 ok"]}) as first, Peer() as second:
        yield first, second


def sending(house: House, *ports: int) -> None:
    """Support sends by the first port with a password, claims by the second without."""
    support, claims = house.setup.connectors
    ways = [{"kind": "smtp", "host": "127.0.0.1", "port": port, "security": "none", "retry_template": "standard"} for port in ports]
    ways[0] |= {"user": "u", "password_env": "PASSWORD"}
    house.save(replace(house.setup, connectors=(replace(support, outgoing=ways[0]), replace(claims, outgoing=ways[1]))))


def dispatcher(house: House) -> Dispatcher:
    return Dispatcher(house.database, house.setups, house.keys, house.clock, house.apply, holder="h/1/a", environ={"PASSWORD": "p"}, timeout=5.0)


def watch(house: House, *command: str, timeout: float = 10.0) -> AlarmWatch:
    return AlarmWatch(
        house.database, house.setups, house.clock, house.apply, command=command, timeout=timedelta(seconds=timeout), late_after=timedelta(minutes=15)
    )


def told(house: House) -> list[tuple[str, str, str]]:
    """(connector, subject, state) of every alarm mail, the oldest first."""
    with house.database.read() as connection:
        found = [one for one in outboxes.listing(connection) if one.purpose is Purpose.ALARM]
    return [(one.connector, one.subject, str(one.state)) for one in sorted(found, key=lambda one: (one.created_at, one.seq))]


def test_a_suspended_connector_is_told_by_another_and_comes_back(house: House, peers: tuple[Peer, Peer]) -> None:
    """decisions.md 19: three 535 suspend it; the alarm leaves by the second connector; a probe fails, the next succeeds; its mails go out in order; that it
    is well again is told."""
    first, second = peers
    sending(house, first.port, second.port)
    for n in range(3):
        house.queue(f"d{n}", item_id="")
        house.clock.advance(seconds=1)
    out = dispatcher(house)
    try:
        for _ in range(3):
            out.run_due()
            house.clock.advance(minutes=1)
        out.run_due()
        (alarm,) = second.taken
        mail = message_from_bytes(alarm.data, policy=policy.default)
        assert (alarm.sender, alarm.recipients) == ("", ["root@demo.example"])
        assert mail["Subject"] == "Mail of support does not leave" and mail["Auto-Submitted"] == "auto-generated"
        assert "wrong password" in mail.get_content() and mail["From"].addresses[0].addr_spec == "claims@demo.example"
        assert not first.taken
        for _ in range(2):
            with house.database.read() as connection:
                until = connector_status.health(connection, "support").suspended_until
            assert until is not None
            house.clock.set(until)
            out.run_due()
        house.clock.advance(hours=2)
        out.run_due()
    finally:
        out.close()
    assert [mail.recipients for mail in first.taken].count(["carl@acme.example"]) == 3
    assert [house.get(f"d{n}").state for n in range(3)] == [OutboxState.SENT] * 3
    sent = [house.get(f"d{n}").sent_at for n in range(3)]
    assert sent == sorted(sent)
    assert [subject for _, subject, _ in told(house)] == ["Mail of support does not leave", "Mail of support leaves again"]
    assert {state for _, _, state in told(house)} == {"sent"}
    with house.database.read() as connection:
        assert alarms.lasting(connection) == {}


def suspend(house: House, name: str = "support") -> None:
    """As the settlement of a third refused log-in does it."""
    with house.database.durable() as connection:
        was = connector_status.health(connection, name)
        now = house.clock.now()
        health = replace(was, refused_logins=3, suspended_until=now + timedelta(minutes=5), last_error="535 no", last_error_at=now)
        connector_status.save(connection, health)
        Alarms(house.apply, house.clock).fared(connection, was, health, house.setup, now)


def recover(house: House, name: str = "support") -> None:
    with house.database.durable() as connection:
        was = connector_status.health(connection, name)
        connector_status.note_success(connection, was, house.clock.now())
        Alarms(house.apply, house.clock).fared(connection, was, was.fine(house.clock.now()), house.setup, house.clock.now())


def test_the_alarm_and_the_suspension_are_one_commit(house: House) -> None:
    """If the transaction is rolled back, there is neither a suspension nor a mail about one."""
    with pytest.raises(RuntimeError), house.database.durable() as connection:
        was = connector_status.health(connection, "support")
        health = was
        for _ in range(3):
            health = health.met(Meaning.LOGIN_REFUSED, "535 no", house.clock.now(), 0.0)
        connector_status.save(connection, health)
        Alarms(house.apply, house.clock).fared(connection, was, health, house.setup, house.clock.now())
        raise RuntimeError("power cut")
    assert told(house) == []


def test_one_alarm_an_hour(house: House) -> None:
    """A connector that comes and goes is told of once an hour, and its end only where its beginning was; what lasts is told late, and again after a day."""
    suspend(house)
    recover(house)
    assert len(told(house)) == 2
    house.clock.advance(minutes=10)
    suspend(house)
    assert len(told(house)) == 2
    looking = watch(house)
    looking.look(house.clock.now())
    assert len(told(house)) == 2
    house.clock.advance(minutes=50)
    looking.look(house.clock.now())
    assert [subject for _, subject, _ in told(house)][2:] == ["Mail of support does not leave"]
    house.clock.advance(hours=23)
    looking.look(house.clock.now())
    assert len(told(house)) == 3
    house.clock.advance(hours=1)
    looking.look(house.clock.now())
    assert len(told(house)) == 4


def test_each_administrator_in_their_language(house: House) -> None:
    """Every active administrator has a mail of their own, in their own language; one whose address takes no automatic mail has none."""
    eve = User("u-eve", "eve@demo.example", "Ève", Role.ADMIN, language="fr")
    gone = User("u-gone", "gone@demo.example", "Gone", Role.ADMIN, active=False)
    house.save(replace(house.setup, users=(*house.setup.users, eve, gone)))
    suspend(house)
    assert sorted(subject for _, subject, _ in told(house)) == ["Le courrier de support ne part pas", "Mail of support does not leave"]
    assert [one.email for one in administrators(house.setup)] == ["root@demo.example", "eve@demo.example"]


def test_without_another_way_the_log_says_so(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Both connectors suspended, or the other one disabled: no mail that would wait behind what it tells of; the log has both errors."""
    support, claims = house.setup.connectors
    house.save(replace(house.setup, connectors=(support, replace(claims, enabled=False))))
    with caplog.at_level(logging.ERROR):
        suspend(house)
    assert told(house) == []
    assert [record.message for record in caplog.records] == ["alarm", "alarm_not_mailed"]
    with house.database.read() as connection:
        assert list(alarms.lasting(connection)) == ["suspended/support"]


def test_mail_that_is_late(house: House) -> None:
    """Mail of an enabled connector that has been due for 15 minutes is told of, by a connector that works; when it has left that is told, and a disabled
    connector's is nobody's alarm."""
    house.queue("d1", item_id="")
    looking = watch(house)
    house.clock.advance(minutes=14)
    looking.look(house.clock.now())
    assert told(house) == []
    house.clock.advance(minutes=1)
    looking.look(house.clock.now())
    looking.look(house.clock.now())
    assert [(way, subject) for way, subject, _ in told(house)] == [("claims", "Mail of support is late")]
    support, claims = house.setup.connectors
    house.save(replace(house.setup, connectors=(replace(support, enabled=False), claims)))
    looking.look(house.clock.now())
    assert len(told(house)) == 1, "its end is no good news either"
    with house.database.read() as connection:
        assert alarms.lasting(connection) == {}


def test_mail_of_a_connector_that_is_gone(house: House) -> None:
    """A desk file without a connector whose mail still waits: nobody would send it, so it is told as late."""
    house.queue("d1", item_id="", connector="claims")
    house.save(replace(house.setup, connectors=house.setup.connectors[:1], routes=house.setup.routes[:2]))
    house.clock.advance(minutes=15)
    watch(house).look(house.clock.now())
    ((way, subject, _),) = told(house)
    assert (way, subject) == ("support", "Mail of claims is late")


def test_the_hourly_brake_is_told_until_a_person_released_its_mails(house: House) -> None:
    """decisions.md 9: above it automatic mail is held with an alarm; a mail that a person holds raises none; released or cancelled, it is over."""
    braked = why_held(Brakes(per_hour=3), Lately(over_hour=True))
    for n in range(2):
        house.queue(f"d{n}", item_id="", purpose=Purpose.ACKNOWLEDGEMENT, author="", hold_reason=braked)
    house.queue("d9", item_id="", hold_reason="held by ann@demo.example")
    watch(house).look(house.clock.now())
    assert [one.split("/")[0] for one in lasting(house)] == ["braked"] and len(told(house)) == 1
    assert house.state("d0") == house.state("d1") == "held", "nothing releases them by itself"
    for name, event in (("d0", OutboxEvent.RELEASE), ("d1", OutboxEvent.CANCEL)):
        with house.database.durable() as connection:
            assert outboxes.act(connection, name, event, house.clock.now(), "root@demo.example").state in (OutboxState.QUEUED, OutboxState.CANCELLED)
    house.clock.advance(minutes=2)
    watch(house).look(house.clock.now())
    assert lasting(house) == [] and len(told(house)) == 2 and house.state("d9") == "held"


def lasting(house: House) -> list[str]:
    with house.database.read() as connection:
        return list(alarms.lasting(connection))


def test_several_who_see_it_at_once_tell_it_once(house: House) -> None:
    """Every scheduler may look at the same moment; one of them is first."""
    about = Alarm(AlarmKind.BRAKED, "", "7")
    start = threading.Barrier(4)

    def look() -> None:
        start.wait(10)
        with house.database.durable() as connection:
            Alarms(house.apply, house.clock).raise_(connection, about, house.setup, NOW)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert len(told(house)) == 1


def test_trouble_has_a_beginning() -> None:
    """The first trouble of those in a row is remembered until the connector does its part."""
    health = Health("support").met(Meaning.PASSING, "no connection", NOW, 0.0).met(Meaning.LOGIN_REFUSED, "535", NOW + timedelta(minutes=9), 0.0)
    assert health.troubled_since == NOW
    assert health.fine(NOW + timedelta(minutes=10)).troubled_since is None


def test_a_server_that_is_away_for_long(house: House) -> None:
    """Each try moves the due time of the one mail there is; the connector's trouble counts from its beginning, so it is told all the same."""
    house.queue("d1", item_id="", due_at=NOW + timedelta(hours=1))
    with house.database.durable() as connection:
        connector_status.save(connection, Health("support", suspended_until=NOW, last_error="no connection", troubled_since=NOW, last_error_at=NOW))
    house.clock.advance(minutes=16)
    watch(house).look(house.clock.now())
    assert [subject for _, subject, _ in told(house)] == ["Mail of support is late"]


def test_a_mailbox_that_cannot_be_read(house: House) -> None:
    """decisions.md 19: refused log-ins suspend fetching too, and that is told by a mail, which this very connector may send."""
    support, claims = house.setup.connectors
    house.save(replace(house.setup, connectors=(replace(support, incoming={"kind": "imap", "host": "x", "user": "u", "password_env": "P"}), claims)))
    refused = Health("fetch:support", refused_logins=3, suspended_until=NOW + timedelta(minutes=5), last_error="NO [AUTHENTICATIONFAILED]")
    looking = watch(house)
    for health in (refused, refused.fine(NOW)):
        with house.database.durable() as connection:
            connector_status.save(connection, health)
        looking.look(house.clock.now())
    assert [(way, subject) for way, subject, _ in told(house)] == [("support", "Mail to support is not fetched"), ("support", "Mail to support is fetched again")]


def test_what_the_hourly_brake_holds(house: House) -> None:
    """decisions.md 9: held automatic mails raise an alarm; released or cancelled, it is over."""
    house.queue("d1", item_id="", purpose=Purpose.ACKNOWLEDGEMENT, author="", hold_reason="more than 600 automatic mails within an hour")
    house.queue("d2", item_id="", hold_reason="held by ann")
    looking = watch(house)
    looking.look(house.clock.now())
    assert [subject for _, subject, _ in told(house)] == ["Automatic mails are held"]
    with house.database.durable() as connection:
        outboxes.act(connection, "d1", OutboxEvent.CANCEL, house.clock.now(), "root@demo.example")
    looking.look(house.clock.now())
    assert [subject for _, subject, _ in told(house)] == ["Automatic mails are held", "No automatic mail is held any more"]


def script(tmp_path: Path, text: str) -> str:
    file = tmp_path / "tell"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def test_the_alarm_command(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the sentence on its standard input, once for the alarm and once for its end, never through a shell, and none of our environment's secrets."""
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
    suspend(house)
    told_to = tmp_path / "told"
    told_what = 'echo "[$1] $GUICHET_ALARM_KIND $GUICHET_ALARM_ABOUT $GUICHET_ALARM_OVER"; cat; env'
    looking = watch(house, script(tmp_path, f"({told_what}) >> {told_to}"), "$(id); *")
    looking.run_commands()
    looking.run_commands()
    text = told_to.read_text()
    assert text.startswith("[$(id); *] suspended support \nMail of support does not leave\n") and "535 no" in text
    assert "hunter2" not in text and text.count("Mail of support does not leave") == 1
    recover(house)
    looking.run_commands()
    assert "suspended support yes\nMail of support leaves again" in told_to.read_text()


@pytest.mark.parametrize(("text", "wanted"), [("exit 3", "exit 3"), ("exec sleep 30", "TimeoutExpired"), (None, "FileNotFoundError")])
def test_a_command_that_fails_is_logged(house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str | None, wanted: str) -> None:
    """Exit code, time-out and a program that is not there: an error in the log, nothing raised, not run again."""
    suspend(house)
    looking = watch(house, script(tmp_path, text) if text else "/nonexistent/tell", timeout=0.3)
    looking.run_commands()
    (failed,) = [record for record in caplog.records if record.message == "alarm_command_failed"]
    assert wanted in failed.fault  # type: ignore[attr-defined]
    caplog.clear()
    looking.run_commands()
    assert not caplog.records


def test_others_may_raise_alarms(house: House) -> None:
    """What is about a copy or a signature is told by the very connector, which sends; said again it is told once."""
    about = Alarm(AlarmKind.DKIM, "demo.example", "the secret “dkim” is not there")
    for wanted in (True, False):
        with house.database.durable() as connection:
            assert Alarms(house.apply, house.clock).raise_(connection, about, house.setup, house.clock.now()) is wanted
    assert [(way, subject) for way, subject, _ in told(house)] == [("support", "Mail from demo.example leaves without its signature")]
    watch(house).look(house.clock.now())
    with house.database.read() as connection:
        assert list(alarms.lasting(connection)) == ["dkim/demo.example"], "it ends where it began"


def test_every_kind_has_words_in_both_languages() -> None:
    """Nothing is left of the places, hostile words included; another language reads English."""
    for kind in AlarmKind:
        assert set(WORDS[kind]) == {"en", "fr"}
        for language in ("en", "fr-CA", "de", ""):
            for over in (False, True):
                subject, text = sentence(Alarm(kind, "support", "{about} {0} %s {{ x }}"), language, over=over)
                assert subject and text and "{detail}" not in text and "{about}" not in subject
    assert sentence(Alarm(AlarmKind.WAITING, "s"), "de") == sentence(Alarm(AlarmKind.WAITING, "s"))


def test_how_often(example_setup: Setup) -> None:
    """A new one after an hour, the same one after a day."""
    assert is_to_be_told(NOW, None, lasts=False)
    assert not is_to_be_told(NOW, NOW - BRAKE + timedelta(seconds=1), lasts=False)
    assert is_to_be_told(NOW, NOW - BRAKE, lasts=False)
    assert not is_to_be_told(NOW, NOW - BRAKE, lasts=True) and is_to_be_told(NOW, NOW - REMIND, lasts=True)
