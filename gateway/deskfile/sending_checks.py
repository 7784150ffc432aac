"""What must hold for signing and for copies into a Sent folder; the other checks of a desk are `checks.py`."""

from __future__ import annotations

import re

from core.mail import address_key, domain_key
from core.setup import Connector, Setup
from gateway.deskfile import forms
from gateway.deskfile.forms import Found
from gateway.secrets import is_name

_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?){0,3}", re.ASCII)
FILE_THEMSELVES = {
    "Microsoft 365": ("smtp.office365.com", "smtp-mail.outlook.com", "smtp.outlook.com"),
    "Gmail": ("smtp.gmail.com", "smtp-relay.gmail.com", "smtp.googlemail.com"),
}
"""Providers that put what a mailbox sends by their server into its Sent folder by themselves."""


def is_selector(selector: str) -> bool:
    """Whether a DKIM key may be called so: labels of a DNS name (RFC 6376 section 3.1)."""
    return len(selector) <= 120 and _SELECTOR.fullmatch(selector) is not None


def dkim_keys(setup: Setup) -> Found:
    """Keys that sign: their names in the DNS, each once."""
    seen: set[tuple[str, str]] = set()
    for place, key in enumerate(setup.dkim_keys, 1):
        path = f"dkim_keys[{place}]"
        yield from forms.domain(f"{path}.domain", key.domain)
        if not is_selector(key.selector):
            yield f"{path}.selector", f"“{key.selector[:40]}” is no selector; letters, digits and - are expected, such as mail2026"
        if not is_name(key.secret):
            yield f"{path}.secret", "the name of a secret is expected: letters, digits and . _ @ - (guichet secret list)"
        name = (domain_key(key.domain), key.selector.lower())
        if name in seen:
            yield f"{path}.selector", f"“{key.selector[:40]}” is there twice for {key.domain[:80]}"
        seen.add(name)


def sent_folders(setup: Setup) -> Found:
    """A copy can be put only where the connector's own mailbox is fetched from by IMAP."""
    for place, connector in enumerate(setup.connectors, 1):
        wanted = connector.outgoing.get("sent_folder")
        if connector.sends and wanted and not (connector.receives and connector.incoming.get("kind") == "imap"):
            yield f"connectors[{place}].outgoing.sent_folder", "this connector fetches no mail by IMAP, and the copy is put into the mailbox that it fetches from"
        if isinstance(wanted, str) and (not wanted.strip() or not wanted.isprintable() or len(wanted) > forms.LONGEST_NAME):
            yield f"connectors[{place}].outgoing.sent_folder", "“auto” or the name of a folder is expected"


def sent_folder_warnings(setup: Setup) -> Found:
    """A copy that the provider makes anyway."""
    for place, connector in enumerate(setup.connectors, 1):
        provider = files_itself(connector)
        if connector.sends and connector.outgoing.get("sent_folder") and provider:
            path = f"connectors[{place}].outgoing.sent_folder"
            yield path, f"{provider} puts sent mail into the Sent folder by itself, so each mail will be there twice; leave sent_folder out"


def files_itself(connector: Connector) -> str:
    """The provider whose server makes the copy itself, or ''."""
    host = address_key(str(connector.outgoing.get("host") or "")).rstrip(".")
    return next((provider for provider, hosts in FILE_THEMSELVES.items() if host in hosts), "")
