"""The pages behind links in mails, as values: asking, done, not done, over; what a link does is `link_deeds.py`, the HTML `gateway/web/links.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.link_words import LANGUAGES, Impossible, say, spoken
from core.mail import address_key
from core.mail_links import MailLink
from core.setup import Setup, User
from gateway.local_time import said_moment

Buttons = tuple[tuple[str, str], ...]
"""(value, words)."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a person is shown. `status` is that of HTTP; `buttons` are there only while something can be done.

    `foreign` marks `lines` that are English whatever the language; `note` asks for a resolution, which `note_needed` makes a must.
    """

    status: int
    language: str
    heading: str
    lines: tuple[str, ...]
    about: str = ""
    small: tuple[str, ...] = ()
    buttons: Buttons = ()
    note: str = ""
    note_needed: bool = False
    foreign: bool = False


class Past(Exception):
    """A link that does nothing any more; the page says why."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page


def language_for(link: MailLink, setup: Setup) -> str:
    """The person's language, else the desk's, else English."""
    user = setup.user_of.get(address_key(link.user_key))
    return spoken(*((user.language,) if user is not None and user.language else ()), setup.language)


def language_of(accepted: str) -> str:
    """The first language of an Accept-Language header that we speak, else English."""
    return spoken(*(one.split(";")[0].strip() for one in accepted[:500].split(",", 10)[:10]))


def unknown(accepted: str) -> Page:
    """The same for what was forged, never was, or is long forgotten."""
    language = language_of(accepted)
    return Page(404, language, say(language, "unknown"), (say(language, "because.unknown"),))


def over(link: MailLink, user: User, setup: Setup) -> Page:
    """Too late."""
    language = language_for(link, setup)
    sentence = say(language, "because.over", until=moment(link.expires_at, user, setup, language))
    return Page(410, language, say(language, "over"), (sentence,))


def used(link: MailLink, at: datetime, user: User, setup: Setup) -> Page:
    """Once is enough."""
    language = language_for(link, setup)
    return Page(410, language, say(language, "used"), (say(language, "because.used", at=moment(at, user, setup, language)),))


def refused(reason: Exception, language: str) -> Page:
    """Nothing was done; the sentence of the desk is English where it is not one of ours."""
    sentence = reason.said(language) if isinstance(reason, Impossible) else str(reason)
    foreign = not isinstance(reason, Impossible) and language != LANGUAGES[0]
    return Page(409, language, say(language, "not_done"), (sentence,), "", (say(language, "nothing_changed"),), foreign=foreign)


def no_button(accepted: str) -> Page:
    """For an answer that no button of ours gave."""
    language = language_of(accepted)
    return Page(400, language, say(language, "not_done"), (say(language, "because.form"),), "", (say(language, "nothing_changed"),))


def moment(at: datetime, user: User, setup: Setup, language: str) -> str:
    """In words, in the person's zone."""
    return said_moment(at, user.timezone or setup.timezone, language)
