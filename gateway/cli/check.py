"""`guichet check`: a report on the installation; what is looked at is `gateway/checkup.py`."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from gateway.cli.house import json_option, settings_of
from gateway.cli.shown import printable, say, say_json

EXITS = {"fine": 0, "warning": 1, "error": 3}


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Look at settings, database, broker, ports and connectors. Exit 0: fine, 1: warnings, 3: errors.

    \b
    guichet check --json
    """
    from gateway.checkup import Level, error, examine
    from gateway.settings_source import SettingsTrouble

    findings = []
    try:
        for finding in examine(settings_of(ctx), os.environ):
            findings.append(finding)
            if not as_json:
                say(f"{finding.level:7}  {finding.check:20}  {printable(finding.sentence)}")
    except SettingsTrouble as trouble:
        findings.append(error("settings", str(trouble)))
        if not as_json:
            say(f"{Level.ERROR:7}  {'settings':20}  {trouble}")
    if as_json:
        say_json([asdict(finding) for finding in findings])
    return max((EXITS[finding.level] for finding in findings), default=0)
