"""`guichet connector`: how the mailboxes fare, and switching them off and on."""

from __future__ import annotations

import click

from gateway.cli.connector_owed import give_up
from gateway.cli.connector_shown import begin, list_, show
from gateway.cli.connector_switch import copy_again, disable, enable, history
from gateway.cli.connector_test import test
from gateway.cli.consent import consent


@click.group()
def command() -> None:
    """The mailboxes of the desk.

    \b
    guichet connector list
    guichet connector show support
    guichet connector test support --round-trip
    guichet connector disable support --reason "moving house"
    """


for part in (list_, show, begin, give_up, disable, enable, history, copy_again):
    command.add_command(part)
command.add_command(consent)
command.add_command(test)
