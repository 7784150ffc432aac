"""News of trouble for administrators: what is told of each kind, to whom, in their language, and how often; raising one is `gateway/outbound/alarms.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.mail import Address, Importance
from core.outbox import Draft, Purpose, Recipient
from core.senders import Sender
from core.setup import Role, Setup, User

BRAKE = timedelta(hours=1)
"""Of one kind about one thing, no more than one alarm is told in this time: a connector that comes and goes fills nobody's mailbox."""
REMIND = timedelta(days=1)
"""What still holds is told again after this time."""
LONGEST_DETAIL = 1000


class AlarmKind(StrEnum):
    """What an administrator must hear of."""

    SUSPENDED = "suspended"
    """Log-ins of a connector are refused (decisions.md 19)."""
    WAITING = "waiting"
    """Mail of a connector has been due for too long."""
    FETCHING = "fetching"
    """Log-ins to a mailbox that is fetched from are refused."""
    BRAKED = "braked"
    """The hourly brake holds automatic mail (decisions.md 9)."""
    SENT_COPY = "sent_copy"
    """Copies cannot be put into the folder Sent of a mailbox."""
    DKIM = "dkim"
    """A domain's mail leaves without its signature."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One piece of news. `about`: the connector's name, or a domain; `detail`: what was seen, such as the words of the server."""

    kind: AlarmKind
    about: str = ""
    detail: str = ""

    @property
    def name(self) -> str:
        """What it is known by while it lasts."""
        return f"{self.kind}/{self.about}"


@dataclass(frozen=True, slots=True)
class Words:
    """A subject and a sentence, with places for `{about}` and `{detail}`; and the same for when it is over."""

    subject: str
    text: str
    over_subject: str
    over_text: str


WORDS: Mapping[AlarmKind, Mapping[str, Words]] = {
    AlarmKind.SUSPENDED: {
        "en": Words(
            "Mail of {about} does not leave",
            "The server refuses the log-in of connector “{about}”, three times in a row: {detail}\nIts mails wait and nothing is lost. It is tried again after "
            "5, 10, 20, 40 minutes and then every hour, and goes on by itself. Look at its user and password: guichet connector test {about}",
            "Mail of {about} leaves again",
            "Connector “{about}” can log in again, and its mails leave in their order.",
        ),
        "fr": Words(
            "Le courrier de {about} ne part pas",
            "Le serveur refuse la connexion de « {about} », trois fois de suite : {detail}\nSes messages attendent et rien n’est perdu. Un nouvel essai a lieu "
            "après 5, 10, 20, 40 minutes puis toutes les heures, et l’envoi reprend de lui-même. Vérifiez l’utilisateur et le mot de passe : "
            "guichet connector test {about}",
            "Le courrier de {about} repart",
            "Le connecteur « {about} » peut de nouveau se connecter, et ses messages partent dans leur ordre.",
        ),
    },
    AlarmKind.WAITING: {
        "en": Words(
            "Mail of {about} is late",
            "Mail of connector “{about}” should have left and has not: {detail}\nNothing is lost; Guichet goes on trying. See what it says: "
            "guichet connector show {about}",
            "Mail of {about} is on time again",
            "No mail of connector “{about}” is late any more.",
        ),
        "fr": Words(
            "Le courrier de {about} est en retard",
            "Des messages du connecteur « {about} » auraient dû partir : {detail}\nRien n’est perdu ; Guichet continue d’essayer. Pour voir ce qu’il dit : "
            "guichet connector show {about}",
            "Le courrier de {about} n’est plus en retard",
            "Aucun message du connecteur « {about} » n’est plus en retard.",
        ),
    },
    AlarmKind.FETCHING: {
        "en": Words(
            "Mail to {about} is not fetched",
            "The server refuses the log-in to mailbox “{about}”, three times in a row: {detail}\nIts mail stays there and nothing is lost. It is tried again, and "
            "goes on by itself. Look at its user and password: guichet connector test {about}",
            "Mail to {about} is fetched again",
            "Mailbox “{about}” can be read again, and its mail is taken in.",
        ),
        "fr": Words(
            "Le courrier pour {about} n’est pas relevé",
            "Le serveur refuse la connexion à la boîte « {about} », trois fois de suite : {detail}\nSon courrier y reste et rien n’est perdu. De nouveaux essais ont "
            "lieu, et la relève reprend d’elle-même. Vérifiez l’utilisateur et le mot de passe : guichet connector test {about}",
            "Le courrier pour {about} est de nouveau relevé",
            "La boîte « {about} » peut de nouveau être lue, et son courrier est pris en charge.",
        ),
    },
    AlarmKind.BRAKED: {
        "en": Words(
            "Automatic mails are held",
            "There were more automatic mails within an hour than limits.automatic_per_hour allows, and the rest is held: {detail}\nSomebody may be writing to "
            "you in great numbers. Look at them, then release or cancel them: guichet outbox list --state held",
            "No automatic mail is held any more",
            "The automatic mails that the hourly brake had held are released or cancelled.",
        ),
        "fr": Words(
            "Des messages automatiques sont retenus",
            "Il y a eu plus de messages automatiques en une heure que limits.automatic_per_hour ne le permet, et le reste est retenu : {detail}\nQuelqu’un vous "
            "écrit peut-être en très grand nombre. Regardez-les, puis libérez-les ou annulez-les : guichet outbox list --state held",
            "Plus aucun message automatique n’est retenu",
            "Les messages automatiques que la limite horaire avait retenus sont libérés ou annulés.",
        ),
    },
    AlarmKind.SENT_COPY: {
        "en": Words(
            "Copies of mail of {about} do not reach the folder Sent",
            "The mails of connector “{about}” leave, but their copies cannot be put into the mailbox: {detail}",
            "Copies of mail of {about} reach the folder Sent again",
            "Copies of the mails of connector “{about}” are put into the mailbox again.",
        ),
        "fr": Words(
            "Les copies du courrier de {about} n’arrivent pas dans Envoyés",
            "Les messages du connecteur « {about} » partent, mais leurs copies ne peuvent pas être rangées dans la boîte : {detail}",
            "Les copies du courrier de {about} arrivent de nouveau dans Envoyés",
            "Les copies des messages du connecteur « {about} » sont de nouveau rangées dans la boîte.",
        ),
    },
    AlarmKind.DKIM: {
        "en": Words(
            "Mail from {about} leaves without its signature",
            "Mail from addresses in {about} cannot be signed with DKIM, and others may not believe it: {detail}",
            "Mail from {about} is signed again",
            "Mail from addresses in {about} is signed with DKIM again.",
        ),
        "fr": Words(
            "Le courrier de {about} part sans sa signature",
            "Le courrier des adresses de {about} ne peut pas être signé par DKIM, et risque de ne pas être cru : {detail}",
            "Le courrier de {about} est de nouveau signé",
            "Le courrier des adresses de {about} est de nouveau signé par DKIM.",
        ),
    },
}


def sentence(alarm: Alarm, language: str = "en", *, over: bool = False) -> tuple[str, str]:
    """Subject and text of an alarm, or of its end, in the language asked for, else in English."""
    words = WORDS[alarm.kind].get(language.partition("-")[0].lower()) or WORDS[alarm.kind]["en"]
    subject, text = (words.over_subject, words.over_text) if over else (words.subject, words.text)
    values = {"about": alarm.about, "detail": alarm.detail[:LONGEST_DETAIL].strip() or "?"}
    return subject.format_map(values), text.format_map(values)


def is_to_be_told(now: datetime, told_at: datetime | None, *, lasts: bool) -> bool:
    """Whether an alarm is told at `now`. `told_at`: when one of this name was told last, whatever became of it; `lasts`: it is the same one that was told."""
    return told_at is None or now - told_at >= (REMIND if lasts else BRAKE)


def administrators(setup: Setup) -> Iterator[User]:
    """Whom alarms are told: every active administrator whose address is none of ours."""
    return (user for user in setup.users if user.active and user.role is Role.ADMIN and not setup.is_ours(user.email))


def mail(alarm: Alarm, user: User, sender: Sender, setup: Setup, draft_id: str, now: datetime, *, over: bool = False) -> Draft:
    """The mail to one administrator; of high importance, and nobody can answer it."""
    language = user.language or setup.language
    subject, text = sentence(alarm, language, over=over)
    return Draft(
        id=draft_id,
        item_id="",
        purpose=Purpose.ALARM,
        connector=sender.connector.name,
        from_=sender.named(setup.name),
        recipients=(Recipient(Address(user.email, user.name)),),
        due_at=now,
        language=language,
        importance=Importance.NORMAL if over else Importance.HIGH,
        facts={
            "subject": subject,
            "title": subject,
            "name": alarm.about,
            "failures": text,
            "kind": str(alarm.kind),
            "detail": alarm.detail[:LONGEST_DETAIL].strip(),
            "closed": "yes" if over else "",
        },
    )
