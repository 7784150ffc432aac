"""What every deed at the desk needs: who acts, what they may see, and one durable transaction, decided anew when somebody else was faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from core.decision import Decision
from core.mail import address_key
from core.permissions import Sight, sees, visible_to
from core.refusal import NotFound, Refused
from core.scene import Scene
from core.setup import Role, Setup, User
from core.wording import clean_line
from core.work_item import WorkItem, possible_verbs
from gateway.clock import Clock
from gateway.store import items, views
from gateway.store.engine import Database
from gateway.store.items import StaleItem
from gateway.store.setups import Setups

if TYPE_CHECKING:
    from gateway.apply import Apply

TRIES = 3
"""How often a deed is decided again after somebody else was faster (architecture section 8)."""

_CONFLICTS = frozenset({"40001", "40P01"})
"""PostgreSQL: serialization failure, deadlock. Nothing was written; the deed may be decided again."""

Answer = TypeVar("Answer")
Json = dict[str, Any]


class DeskBase:
    """One installation as its people meet it. `wake_outbox` is called when a mail is due at once; it may be lost."""

    def __init__(self, database: Database, setups: Setups, clock: Clock, apply: Apply, *, wake_outbox: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._setups = setups
        self._clock = clock
        self._apply = apply
        self._wake_outbox = wake_outbox

    def _scene(self, connection: Connection, by: str) -> Scene:
        setup = self._setups.current(connection)
        return Scene(active_user(setup, by), setup, self._clock.now())

    def _item(self, connection: Connection, ref: str, scene: Scene, *, lock: bool = False) -> WorkItem:
        """The item, if the person may see it; else it does not exist for them."""
        named = clean_line(ref, 60)
        item = items.by_ref(connection, named, lock=lock)
        if item is None or not sees(self._sight(scene), item):
            raise NotFound(f"There is no item “{named}” that you may see.")
        return item

    def _sight(self, scene: Scene) -> Sight:
        return visible_to(scene.user, scene.setup)

    def _applied(self, connection: Connection, decision: Decision, scene: Scene) -> Json:
        """Write the decision and show its last item as it is now."""
        self._apply(connection, decision, scene.setup, scene.now)
        item_id = decision.items[-1].id
        return self._shown(connection, items.load(connection, (item_id,))[item_id], scene)

    def _shown(self, connection: Connection, item: WorkItem, scene: Scene) -> Json:
        return {**views.show_item(connection, scene.setup, item, self._sight(scene)), "possible": list(possible_verbs(item))}

    def _durably(self, deed: Callable[[Connection], Answer]) -> Answer:
        """Run a deed in a durable transaction; decided anew from fresh facts when somebody else was faster, three times in all."""
        for left in reversed(range(TRIES)):
            try:
                with self._database.durable() as connection:
                    return deed(connection)
            except StaleItem as stale:
                if not left:
                    raise Refused(f"{stale} Look at it again and repeat.") from None
            except DBAPIError as fault:
                if not left or getattr(fault.orig, "sqlstate", None) not in _CONFLICTS:
                    raise
        raise AssertionError("the last try returned or raised")


def active_user(setup: Setup, by: str) -> User:
    """Who acts, by e-mail address. Raises Refused."""
    user = setup.user_of.get(address_key(by))
    if user is None:
        raise Refused(f"There is no active user “{clean_line(by, 320)}”.")
    return user


def require_administrator(setup: Setup, by: str) -> str:
    """The e-mail address of an active administrator. Raises Refused for anybody else."""
    user = active_user(setup, by)
    if user.role is not Role.ADMIN:
        raise Refused("Only an administrator may do this; nothing was changed.")
    return user.email
