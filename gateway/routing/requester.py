"""Who a new item is for: the author, the person behind a trusted form, or the one whose mail an agent forwards (decisions.md 11)."""

from __future__ import annotations

from core.mail import Address, Mail
from core.setup import Connector, Setup
from gateway.routing.authentication import Dmarc
from gateway.routing.facts import Sender
from gateway.routing.forward import is_forward
from gateway.routing.patterns import first_match


def requester(mail: Mail, sender: Sender, connector: Connector | None, setup: Setup) -> tuple[Address | None, str]:
    """The person and the sentence for the trace, '' where it is simply the author. None: the mail names nobody."""
    author = mail.author
    if author is None:
        return None, "the mail has no author"
    if connector is not None and first_match(connector.trusted_forms, (sender.key,)) and sender.authentication.dmarc is not Dmarc.FAIL:
        behind = next((address for address in mail.reply_to if not setup.is_ours(address.address)), None)
        if behind is not None:
            return behind, f"{sender.key} is a trusted form: its Reply-To asks"
    if sender.key in setup.user_of and is_forward(mail.subject) and sender.authentication.dmarc is not Dmarc.FAIL:
        original = mail.forwarded.from_ if mail.forwarded is not None else None
        if original is not None and _is_whole(original) and not setup.is_ours(original.address):
            return original, f"{sender.key} forwards a mail of {original.key}"
    return author, ""


def _is_whole(address: Address) -> bool:
    """Whether mail can be sent to it: forwards often name a person without an address."""
    local, at, domain = address.address.rpartition("@")
    return bool(at and local) and "." in domain and len(address.address) <= 254
