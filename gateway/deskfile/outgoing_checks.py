"""What must hold for all mail that leaves: blind copies, redirection, the default connector and the unmonitored address; single connectors are `checks.py`."""

from __future__ import annotations

from core.mail import address_key
from core.senders import nobody, owner_of
from core.setup import Setup
from core.test_mode import is_test_contact
from gateway.deskfile import forms
from gateway.deskfile.forms import Found

MOST_COPIES = 20


def for_all_mail(setup: Setup) -> Found:
    """`bcc_all` and `redirect_all`: addresses of others, each once; one of ours would come back as mail, and be answered and copied again."""
    for key in ("bcc_all", "redirect_all"):
        seen: set[str] = set()
        listed: tuple[str, ...] = getattr(setup, key)
        if len(listed) > MOST_COPIES:
            yield f"desk.{key}", f"at most {MOST_COPIES} addresses are expected"
        for number, address in enumerate(listed, 1):
            path = f"desk.{key}[{number}]"
            yield from forms.address(path, address)
            if setup.is_ours(address):
                yield path, f"{address} is an address of ours: each mail would come back as a new one; an address outside this desk is expected"
            elif address_key(address) in seen:
                yield path, f"{address} is there twice"
            seen.add(address_key(address))


def warnings(setup: Setup) -> Found:
    """What is allowed and probably not meant."""
    yield from _redirect(setup)
    default = setup.connector_named.get(setup.default_connector)
    if default is None or default.enabled:
        return
    leaning = [one.name for one in setup.connectors if one.enabled and one.receives and not one.sends]
    if leaning:
        yield "desk.default_connector", f"“{default.name}” is disabled, and {', '.join(leaning)} send by it: their mails wait until it is enabled"
    owner = owner_of(setup, setup.unmonitored_address) if setup.unmonitored_address else None
    way = nobody(setup)
    if setup.unmonitored_address and (owner is None or not owner.sends) and way is not None and way.connector is not default:
        yield "desk.unmonitored_address", f"notices leave by “{default.name}”, which is disabled; until it is enabled, they come from {way.address}"


def _redirect(setup: Setup) -> Found:
    if not setup.redirect_all:
        return
    yield "desk.redirect_all", f"EVERY mail goes to {', '.join(setup.redirect_all)} and to nobody else; take it out on a system that customers are to hear from"
    strangers = [one for one in setup.redirect_all if not is_test_contact(setup, one)]
    if strangers and (setup.test_contacts or any(route.test for route in setup.routes)):
        yield "desk.redirect_all", f"mails of test items are held, for {', '.join(strangers)} is none of desk.test_contacts (E-47)"
