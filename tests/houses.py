"""Whole houses for flow and crash tests: an installation in a folder whose connectors send to a sink of the test."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.setup import Connector, Setup
from gateway.bootstrap import House, open_house
from gateway.clock import Clock, SystemClock
from gateway.keys import Keys
from gateway.settings import Settings
from gateway.store.engine import Database
from gateway.store.setups import Setups

PATIENCE_SECONDS = 30.0


def sending_to(setup: Setup, port: int) -> Setup:
    """The same setup with every connector sending over SMTP to a loopback port."""
    outgoing: dict[str, object] = {
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "retry_template": "standard",
        "unknown": "repeat",
        "unknown_automatic": "repeat",
    }
    return dataclasses.replace(setup, connectors=tuple(_sending(one, outgoing) for one in setup.connectors))


def _sending(connector: Connector, outgoing: dict[str, object]) -> Connector:
    return dataclasses.replace(connector, outgoing=outgoing)


def furnish(folder: Path, database: Database, setup: Setup) -> None:
    """Keys and configuration for an installation whose tables are there."""
    Keys.create(folder / "secret.key")
    clock = SystemClock()
    with database.durable() as connection:
        Setups(clock).save(connection, setup, "test", clock.now())


def settings_for(folder: Path, database_url: str, **more: dict[str, Any]) -> Settings:
    """Settings of a house in `folder` with free ports and the brakes raised; sections may be given or replaced."""
    sections: dict[str, Any] = {
        "data": str(folder),
        "database": {"url": database_url},
        "smtp": {"host": "127.0.0.1", "port": 0, "hostname": "mx.demo.example"},
        "lmtp": {"port": 0},
        "web": {"port": 0},
        "limits": {"automatic_per_item": 1000, "automatic_per_sender_day": 1000, "automatic_per_hour": 100_000, "items_per_sender_hour": 0},
        "outbound": {"hostname": "out.demo.example"},
    }
    return Settings.model_validate(sections | more)


def url_of(database: Database) -> str:
    """The whole URL, with its password."""
    return database.url.render_as_string(hide_password=False)


def make_house(folder: Path, database: Database, setup: Setup, *, clock: Clock | None = None, broker: str = "drop://") -> House:
    """A furnished house that does nothing until told to."""
    furnish(folder, database, setup)
    return open_house(settings_for(folder, url_of(database), broker={"url": broker}), clock=clock)


def wait_for(what: Callable[[], Any], sentence: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until `what` gives something true, and return that; fails with the sentence."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"Waited {seconds} s in vain: {sentence}")
