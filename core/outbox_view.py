"""The Outbox as a person sees it: which view, which status a mail shows, which columns there are; fetching the mails is `gateway/store/outbox_views.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.outbox import SHOWN_AS, OutboxState
from core.permissions import leads
from core.refusal import Refused
from core.setup import Setup, User


class View(StrEnum):
    """Whose mails (A-OB-08…12). Each is cut to what is within the person's sight."""

    MINE = "mine"
    """Written by the person."""
    TEAM = "team"
    """Written in the person's teams, or about items that somebody there has now (E-34)."""
    SYSTEM = "system"
    """Sent automatically."""
    ALL = "all"
    """Everything within sight."""


def default_view(user: User, setup: Setup) -> View:
    """What a person sees who has not chosen yet: leaders their team's, everybody else their own (A-OB-07)."""
    return View.TEAM if leads(user, setup) else View.MINE


# ---------------------------------------------------------------- status


class Way(StrEnum):
    """How it stands with the connector a mail leaves by."""

    OPEN = "open"
    SUSPENDED = "suspended"
    """It refuses our log-ins or is away; it is tried again by itself (decisions.md 19)."""
    OFF = "off"
    """Switched off by an administrator, or no longer there."""


class Shown(StrEnum):
    """The four statuses of the specification (A-OB-22)."""

    FAILED = "failed"
    CONNECTOR_DISABLED = "connector_disabled"
    PENDING_RETRY = "pending_retry"
    QUEUED = "queued"


IN_OUTBOX = tuple(SHOWN_AS)
"""States in which a mail is in the Outbox (A-OB-05); sent and cancelled ones are not."""
WAITS = frozenset({OutboxState.QUEUED, OutboxState.PENDING_RETRY})
"""States in which nothing but time and the connector is waited for."""

STATUS: Mapping[OutboxState, Mapping[Way, Shown]] = {
    state: {
        Way.OPEN: Shown(shown),
        Way.SUSPENDED: Shown(shown),
        Way.OFF: Shown.CONNECTOR_DISABLED if state in WAITS else Shown(shown),
    }
    for state, shown in SHOWN_AS.items()
}
"""State × connector → status shown. A held mail shows why it is held whatever its connector does; one that has failed stays failed (A-OB-23…26)."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "failed": {"en": "Failed", "fr": "Échec"},
    "connector_disabled": {"en": "Connector disabled", "fr": "Connecteur désactivé"},
    "pending_retry": {"en": "Pending retry", "fr": "Nouvel essai en attente"},
    "queued": {"en": "Queued", "fr": "En file d’attente"},
    "held": {"en": "Held", "fr": "Retenu"},
    "sending": {"en": "Being sent", "fr": "Envoi en cours"},
    "unknown": {"en": "Outcome unknown", "fr": "Issue inconnue"},
    "bounced": {"en": "Returned", "fr": "Revenu"},
    "sent": {"en": "Sent", "fr": "Envoyé"},
    "cancelled": {"en": "Cancelled", "fr": "Annulé"},
}
"""What people read; states that stand under another status have words of their own (decisions.md 17)."""

_OFF = {
    "en": "The connector {name} is disabled: enable it and the mail leaves in its order, or retry then.",
    "fr": "Le connecteur {name} est désactivé : réactivez-le et le courriel partira à son tour, ou relancez-le alors.",
}
_SUSPENDED = {
    "en": "The connector {name} rests after trouble and is tried again by itself.",
    "fr": "Le connecteur {name} est en pause après un incident et sera réessayé automatiquement.",
}
_BEHIND = {
    "en": "It waits until the mail {name}, written earlier on the same item, has left.",
    "fr": "Il attend que le courriel {name}, écrit plus tôt sur le même élément, soit parti.",
}


def status_of(state: OutboxState, way: Way) -> Shown | None:
    """The status shown; None for a mail that is no longer in the Outbox."""
    row = STATUS.get(state)
    return row[way] if row is not None else None


def status_words(state: OutboxState, way: Way, language: str = "en", *, hold_reason: str = "") -> str:
    """The status as people read it, with a held mail's reason; English where the language is not known."""
    own = state.value if status_of(state, way) is not Shown.CONNECTOR_DISABLED else Shown.CONNECTOR_DISABLED.value
    words = _in(WORDS[own], language)
    return f"{words}: {hold_reason}" if state is OutboxState.HELD and hold_reason else words


def last_failure(state: OutboxState, way: Way, connector: str, last_error: str, language: str = "en", *, waits_for: str = "") -> str:
    """The column "last failure": what keeps a waiting mail where it is, else what was said of the last try (A-OB-20).

    `waits_for`: the id of the mail of the same item that has to leave first, '' for none (decisions.md 20).
    """
    if state in WAITS and way is Way.OFF:
        return _in(_OFF, language).format(name=connector)
    if state in WAITS and way is Way.SUSPENDED:
        return last_error or _in(_SUSPENDED, language).format(name=connector)
    if state in WAITS and waits_for:
        return _in(_BEHIND, language).format(name=waits_for)
    return last_error


def _in(words: Mapping[str, str], language: str) -> str:
    return words.get(language[:2].lower()) or words["en"]


# ---------------------------------------------------------------- columns


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the list. `field` is where a row says it; `sort` is what it is ordered by ('' = it is not); a compulsory one is always there."""

    id: str
    en: str
    fr: str
    field: str
    sort: str = ""
    compulsory: bool = False
    at_first: bool = False
    """Shown to a person who has not chosen yet."""

    def title(self, language: str = "en") -> str:
        return self.fr if language[:2].lower() == "fr" else self.en


COLUMNS = (
    Column("id", "Number", "Numéro", "id"),
    Column("status", "Status", "État", "status_words", "state", at_first=True),
    Column("item", "Item", "Élément", "item", "item", at_first=True),
    Column("item_type", "Type", "Type", "item_type", "item_type"),
    Column("to", "To", "À", "to", "to", compulsory=True, at_first=True),
    Column("subject", "Subject", "Objet", "subject", "subject", compulsory=True, at_first=True),
    Column("author", "Author", "Auteur", "author", "author", at_first=True),
    Column("connector", "Connector", "Connecteur", "connector", "connector"),
    Column("importance", "Importance", "Importance", "importance", "importance"),
    Column("system_generated", "System generated", "Automatique", "system_generated", "system_generated"),
    Column("created", "Created", "Créé", "created_at", "created"),
    Column("scheduled_for", "Scheduled for", "Programmé pour", "scheduled_for", "scheduled_for"),
    Column("next_attempt", "Next attempt", "Prochain essai", "next_attempt_at", "due", at_first=True),
    Column("last_attempt", "Last attempt", "Dernier essai", "last_attempt_at", "last_attempt"),
    Column("last_failure", "Last failure", "Dernier échec", "last_failure", at_first=True),
    Column("logged", "Logged", "Consigné", "first_failed_at", "logged"),
    Column("suspended_until", "Connector rests until", "Connecteur en pause jusqu’à", "suspended_until"),
    Column("attempts", "Attempts", "Essais", "attempts", "attempts"),
    Column("attempts_at_most", "At most", "Au plus", "attempts_at_most"),
    Column("attachments", "Attachments", "Pièces jointes", "attachment_count", "attachments"),
    Column("warnings", "Warnings", "Avertissements", "warnings"),
)
"""Every column of A-OB-20 and what E-26 adds; "logged" is the first failure and blank before it."""

COLUMN = {column.id: column for column in COLUMNS}
SORTS = {column.id: column.sort for column in COLUMNS if column.sort}
OLDEST_FIRST = "created"
"""How a view is ordered unless a person says otherwise."""
FEWEST_ROWS, ROWS, MOST_ROWS = 5, 50, 500


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person keeps for their Outbox (A-OB-06, A-OB-08, A-OB-19)."""

    view: View
    columns: tuple[str, ...] = tuple(column.id for column in COLUMNS if column.at_first)
    rows: int = ROWS


def chosen(kept: Mapping[str, object], user: User, setup: Setup) -> Choice:
    """The choice as it is stored; whatever is missing, or is no longer there to be chosen, is as at first."""
    first = Choice(default_view(user, setup))
    view, columns, rows = kept.get("view"), kept.get("columns"), kept.get("rows")
    known = [one for one in columns if one in COLUMN] if isinstance(columns, list) else []
    return Choice(
        next((one for one in View if one == view), first.view),
        with_compulsory(known) if known else first.columns,
        rows if isinstance(rows, int) and FEWEST_ROWS <= rows <= MOST_ROWS else first.rows,
    )


def with_compulsory(columns: Sequence[str]) -> tuple[str, ...]:
    """These columns, each once, and at the end those that must be there (A-OB-19). Raises Refused for one that does not exist."""
    unknown = [one for one in columns if one not in COLUMN]
    if unknown:
        raise Refused(f"There is no column “{unknown[0][:40]}”; there are {', '.join(COLUMN)}.")
    return tuple(dict.fromkeys((*columns, *(column.id for column in COLUMNS if column.compulsory))))


def rows_wanted(rows: int) -> int:
    """A number of rows that can be shown. Raises Refused."""
    if not FEWEST_ROWS <= rows <= MOST_ROWS:
        raise Refused(f"The number of rows is between {FEWEST_ROWS} and {MOST_ROWS}.")
    return rows
