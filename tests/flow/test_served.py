"""The running service with its threads and a real clock: embedded, on Redis, on RabbitMQ, and with a broker that loses everything."""

from __future__ import annotations

import functools
import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from core.setup import Setup
from gateway.bootstrap import House, open_house
from gateway.clock import SystemClock
from gateway.serve import Service
from gateway.store.engine import Database
from gateway.store.version import HEAD
from tests.conftest import free_port, missing
from tests.flow.told import ANN, CARL, DESK, ROOT, letter, text_of
from tests.houses import furnish, make_house, sending_to, settings_for, url_of, wait_for
from tests.servers import amqp_url, redis_url
from tests.sink import Sink

BROKERS = ("in-process", "losing", "redis", "rabbitmq")


def broker_url(kind: str) -> str:
    """Where a broker of this kind listens; skips if it is not installed."""
    if kind == "redis":
        return redis_url() or str(missing("redis-server is not installed"))
    if kind == "rabbitmq":
        return amqp_url() or str(missing("rabbitmq-server is not installed"))
    return {"in-process": "", "losing": "drop://"}[kind]


@pytest.fixture(params=BROKERS)
def served(request: pytest.FixtureRequest, tmp_path: Path, database: Database, example_setup: Setup, sink: Sink) -> Iterator[tuple[House, int]]:
    """A house with all roles but the web, and the port of its door."""
    if request.param in ("redis", "rabbitmq") and database.is_sqlite:
        pytest.skip("one flow per broker is enough; it runs on PostgreSQL")
    port = free_port()
    house = make_house(tmp_path, database, sending_to(example_setup, sink.port), broker=broker_url(request.param))
    house.settings = house.settings.model_copy(update={"smtp": house.settings.smtp.model_copy(update={"port": port})})
    service = Service(house, ("dispatch", "worker", "scheduler", "smtp"))
    service.start()
    yield house, port
    service.stop()
    house.close()


def deliver(port: int, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="mta.example", timeout=30) as client:
        client.sendmail(CARL, [DESK], raw)


def test_a_mail_is_answered_and_the_reply_finds_its_ticket(served: tuple[House, int], sink: Sink) -> None:
    """Mail in, acknowledgement out, answer out, reply in and joined; whatever the broker does, within seconds."""
    house, port = served
    deliver(port, letter("Printer on fire", "It burns.", message_id="m1@acme.example"))
    wait_for(lambda: len(sink.mails) == 1, "the acknowledgement leaves")
    (item,) = house.desk.list_items(ROOT)
    house.desk.mail(item["ref"], ANN, text="Please pour water.", undo=timedelta(0))
    wait_for(lambda: any("pour water" in text_of(mail) for mail in sink.mails), "the answer leaves")
    answer = next(mail for mail in sink.mails if "pour water" in text_of(mail))
    deliver(port, letter("Re: Printer", "Did not help.", message_id="m2@acme.example", In_Reply_To=answer["Message-ID"]))
    wait_for(lambda: [line["kind"] for line in house.desk.show(item["ref"], ROOT)["timeline"]].count("mail_in") == 2, "the reply joins the ticket")
    assert len(sink.mails) == 2


class Process:
    """One `guichet serve` with some roles."""

    def __init__(self, folder: Path, roles: str, port: int) -> None:
        environment = {**os.environ, "GUICHET_CONFIG": str(folder / "guichet.toml"), "GUICHET_SMTP__PORT": str(port), "GUICHET_LMTP__PORT": "0", "GUICHET_WEB__PORT": "0"}
        command = [sys.executable, "-m", "gateway.cli.main", "serve", "--roles", roles]
        self.log = (folder / f"{roles}-{SystemClock().new_id()[:6]}.log").open("wb")
        self._process = subprocess.Popen(command, env=environment, cwd=folder, stdout=self.log, stderr=self.log)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(60)
        finally:
            self._process.kill()
            self.log.close()


def listens(port: int) -> bool:
    try:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="mta.example", timeout=5) as client:
            return client.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


@pytest.mark.timeout(300)
def test_two_of_each_role_do_everything_once(tmp_path: Path, database: Database, example_setup: Setup, sink: Sink) -> None:
    """Two doors, workers, dispatchers and schedulers in eight processes on one database: each mail one item, each acknowledgement sent once.

    On PostgreSQL they wake each other over Redis; on SQLite they have no broker between them and find the rows by themselves.
    """
    broker = "drop://" if database.is_sqlite else broker_url("redis")
    furnish(tmp_path, database, sending_to(example_setup, sink.port))
    (tmp_path / "guichet.toml").write_text(
        f'[database]\nurl = "{url_of(database)}"\n[broker]\nurl = "{broker}"\n[smtp]\nhostname = "mx.demo.example"\n'
        "[limits]\nautomatic_per_item = 1000\nautomatic_per_sender_day = 1000\nautomatic_per_hour = 100000\nitems_per_sender_hour = 0\n"
    )
    with database.durable() as connection:  # the tables were made without walking the migrations
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
    ports = [free_port(), free_port()]
    processes = [Process(tmp_path, role, port) for role in ("smtp", "worker", "dispatch", "scheduler") for port in ports]
    house = open_house(settings_for(tmp_path, url_of(database), broker={"url": "drop://"}))
    try:
        for port in ports:
            wait_for(functools.partial(listens, port), "the door listens", 60)
        for n in range(40):
            deliver(ports[n % 2], letter(f"Matter {n}", "Something.", message_id=f"m{n}@acme.example"))
        wait_for(lambda: len(sink.mails) >= 40, "every acknowledgement leaves", 90)
        wait_for(lambda: {mail["state"] for mail in house.desk.list_outbox(ROOT, limit=100)} == {"sent"}, "every mail is settled", 30)
        assert sorted(item["title"] for item in house.desk.list_items(ROOT, limit=100)) == sorted(f"Matter {n}" for n in range(40))
        assert set(sink.times_sent().values()) == {1}
    finally:
        codes = [process.stop() for process in processes]
        house.close()
    assert codes == [0] * 8
