"""Who a new item is for: the author, the person behind a trusted form, or the one whose mail an agent forwards (decisions.md 11)."""

from __future__ import annotations

from dataclasses import dataclass

from core.mail import Address, Mail
from core.setup import Connector, Setup
from gateway.routing.authentication import Dmarc
from gateway.routing.facts import Sender
from gateway.routing.forward import is_forward
from gateway.routing.patterns import first_match


@dataclass(frozen=True, slots=True)
class Requester:
    """The person, None where the mail names nobody, and the sentence for the trace, '' where it is simply the author.

    `started_by`: address key of our user who hands their mail on. `doubtful`: a forward that may be forged, so that nothing automatic is sent.
    """

    person: Address | None
    said: str = ""
    started_by: str = ""
    doubtful: bool = False


def requester(mail: Mail, sender: Sender, connector: Connector | None, setup: Setup, *, believed: bool = False, started: bool = False) -> Requester:
    """For whom an item of this mail is opened. `believed`: it surely is by one of our people; `started`: they say that it begins something."""
    author = mail.author
    if author is None:
        return Requester(None, "the mail has no author")
    forged = sender.authentication.dmarc is Dmarc.FAIL and not believed
    if connector is not None and first_match(connector.trusted_forms, (sender.key,)) and not forged:
        behind = next((address for address in mail.reply_to if not setup.is_ours(address.address)), None)
        if behind is not None:
            return Requester(behind, f"{sender.key} is a trusted form: its Reply-To asks")
    original = _original(mail, setup, sure=started) if sender.key in setup.user_of and not forged else None
    if original is None or original.key == sender.key:
        return Requester(author)
    said = f"{sender.key} forwards a mail of {original.key}"
    if believed:
        return Requester(original, said, started_by=sender.key)
    return Requester(original, f"{said}; nothing shows that it is {sender.key}, so nothing automatic is sent", doubtful=True)


def _original(mail: Mail, setup: Setup, *, sure: bool) -> Address | None:
    """Who wrote the mail that is handed on; `sure`: it is handed on whatever its subject says. Never one of ours."""
    original = mail.forwarded.from_ if mail.forwarded is not None and (sure or is_forward(mail.subject)) else None
    return original if original is not None and _is_whole(original) and not setup.is_ours(original.address) else None


def _is_whole(address: Address) -> bool:
    """Whether mail can be sent to it: forwards often name a person without an address."""
    local, at, domain = address.address.rpartition("@")
    return bool(at and local) and "." in domain and len(address.address) <= 254
