"""What administrators do with connectors besides configuring them: switch one off and on by hand, and look up who changed what; how one fares is shown by commands."""

from __future__ import annotations

import logging
from dataclasses import replace

from sqlalchemy import Connection

from core.refusal import NotFound, Refused
from core.scene import Scene
from core.setup import Connector, Setup
from core.setup_parts import PARTS
from core.wording import clean_line
from gateway.desk_base import DeskBase, Json, require_administrator
from gateway.store import desk_history, sent_copies
from gateway.store.items import StaleItem
from gateway.store.outbox_figures import outgoing

log = logging.getLogger("guichet.desk")


class ConnectorDesk(DeskBase):
    """The part of the desk that switches connectors. Only an administrator may; everybody else is refused."""

    def switch_connector(self, name: str, by: str, *, enabled: bool, reason: str = "") -> Json:
        """Switch a connector off: it takes no mail in and sends none, and its mails show *connector disabled* (A-OB-24); or on again, and they go on in
        their order, scheduled times kept (E-35). It is no attempt, and not the same as *suspended*.

        Returns `name`, `enabled`, `changed` (False: it was so already), `waiting` (mails that wait in the Outbox) and `warnings`. Raises NotFound, Refused.
        """
        why = clean_line(reason, 500)

        def deed(connection: Connection) -> Json:
            scene = self._administrator(connection, by)
            connector = _named(scene.setup, name)
            changed = connector.enabled is not enabled
            new = _switched(scene.setup, connector, enabled=enabled)
            if changed:
                self._save_switch(connection, new, connector, scene, why)
            (figures,) = outgoing(connection, scene.now, (connector.name,))
            return {"name": connector.name, "enabled": enabled, "changed": changed, "waiting": figures.waiting, "warnings": _new_warnings(scene.setup, new)}

        shown = self._durably(deed)
        if shown["changed"]:
            log.warning("connector_switched", extra={"connector": shown["name"], "enabled": enabled, "by": by, "reason": why})
        if enabled:
            self._wake_outbox()
        return shown

    def copy_again(self, name: str, by: str) -> Json:
        """Copies for the folder Sent that were given up are tried once more: `name` and `copies`, how many. Raises NotFound, Refused."""

        def deed(connection: Connection) -> Json:
            scene = self._administrator(connection, by)
            connector = _named(scene.setup, name)
            if not sent_copies.wants(connector):
                raise Refused(f"Mail of {connector.name} is not copied into a folder Sent; outgoing.sent_folder of a connector that is fetched from by IMAP does that.")
            return {"name": connector.name, "copies": sent_copies.again(connection, connector.name, scene.now)}

        return self._durably(deed)

    def desk_history(self, by: str, *, kind: str = "", name: str = "", limit: int = 200) -> list[Json]:
        """Who changed what in the desk and when, the newest first; see `gateway.store.desk_history`. Raises Refused for a kind that there is not."""
        if kind and kind not in {part.kind for part in PARTS}:
            raise Refused(f"“{clean_line(kind, 40)}” is nothing that a desk has; known: {', '.join(part.kind for part in PARTS)}.")
        with self._database.read() as connection:
            self._administrator(connection, by)
            return desk_history.changes(connection, kind=kind, name=clean_line(name, 320), limit=limit)

    def connector_history(self, name: str, by: str, *, limit: int = 200) -> list[Json]:
        """The same of one connector, also of one that is gone. Raises NotFound for one that never was."""
        found = self.desk_history(by, kind="connector", name=name, limit=limit)
        if not found:
            raise NotFound(f"There never was a connector “{clean_line(name, 200)}”; guichet connector list shows those that are.")
        return found

    def _administrator(self, connection: Connection, by: str) -> Scene:
        scene = self._scene(connection, by)
        require_administrator(scene.setup, by)
        return scene

    def _save_switch(self, connection: Connection, new: Setup, connector: Connector, scene: Scene, why: str) -> None:
        """Nothing but this is changed; if somebody else changed the desk meanwhile, it is decided anew from what is there then."""
        noted = {desk_history.BECAUSE: why} if why else None
        changes = self._setups.save(connection, new, scene.by, scene.now, noted=noted)
        if [(change.kind, change.name, change.change) for change in changes] != [("connector", connector.name, "changed")]:
            raise StaleItem("The desk")


def _named(setup: Setup, name: str) -> Connector:
    connector = setup.connector_named.get(name)
    if connector is None:
        raise NotFound(f"There is no connector “{clean_line(name, 200)}”; guichet connector list shows them.")
    return connector


def _switched(setup: Setup, connector: Connector, *, enabled: bool) -> Setup:
    return replace(setup, connectors=tuple(replace(one, enabled=enabled) if one.name == connector.name else one for one in setup.connectors))


def _new_warnings(was: Setup, new: Setup) -> list[str]:
    """What is probably not meant, and comes from this."""
    from gateway.deskfile.outgoing_checks import warnings  # the desk file is read where somebody configures only

    before = {said for _, said in warnings(was)}
    return [said for _, said in warnings(new) if said not in before]
