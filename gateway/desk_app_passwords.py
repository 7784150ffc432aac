"""What people do with their passwords for mail programs: one is made and shown once, they are listed and revoked; the rows are `store/app_passwords.py`."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from core.mail import address_key
from core.refusal import NotFound, Refused
from core.scene import Scene
from core.setup import Role, User
from core.wording import clean_line
from gateway.clock import new_secret
from gateway.desk_base import DeskBase, Json, active_user
from gateway.store import app_passwords
from gateway.store.app_passwords import MOST, NAME, AppPassword, written
from gateway.store.moments import moment_json

log = logging.getLogger("guichet.desk")


class AppPasswordDesk(DeskBase):
    """One's own; an administrator does the same for anybody, as with a person's password."""

    def make(self, email: str, name: str, by: str) -> Json:
        """A new one; `password` in the answer is shown now and never again. Raises Refused: a name in use, or too many."""
        password = written(new_secret())

        def deed(connection: Connection) -> Json:
            scene = self._scene(connection, by)
            user = active_user(scene.setup, email)
            _require_own(user, scene)
            wanted = clean_line(name, NAME)
            if not wanted:
                raise Refused("Give it a name, such as the program and the device it is for: --name “Thunderbird, laptop”.")
            if any(one.name == wanted and one.revoked_at is None for one in app_passwords.listed(connection, user.email)):
                raise Refused(f"{user.email} has an app password “{wanted}” already. Revoke it first, or give the new one another name.")
            if app_passwords.in_force(connection, user.email) >= MOST:
                raise Refused(f"{user.email} has {MOST} app passwords. Revoke one that is not used any more.")
            made = AppPassword(self._clock.new_id(), address_key(user.email), wanted, scene.now)
            app_passwords.add(connection, made, password, by=scene.user.email)
            log.info("app_password_made", extra={"user": made.user_key, "name_of_it": wanted, "by": scene.by})
            return {**_json(made), "password": password}

        return self._durably(deed)

    def listed(self, email: str, by: str) -> list[Json]:
        """Those of a user, '' for everybody's (administrators); the newest first, revoked ones as well. Never a password."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            if email:
                _require_own(_anybody(scene, email), scene)
            elif scene.user.role is not Role.ADMIN:
                raise Refused("Only an administrator may see everybody's; name yourself.")
            return [_json(one) for one in app_passwords.listed(connection, email)]

    def revoke(self, email: str, named: str, by: str) -> list[Json]:
        """It is no longer taken, also by what is logged in with it; `named` is its name or its id. Raises NotFound."""

        def deed(connection: Connection) -> list[Json]:
            scene = self._scene(connection, by)
            user = _anybody(scene, email)
            _require_own(user, scene)
            wanted = clean_line(named, NAME)
            gone = app_passwords.revoke(connection, user.email, wanted, scene.now, by=scene.user.email)
            if not gone:
                raise NotFound(f"{user.email} has no app password “{wanted}” that is in force; guichet user app-password list {user.email} shows them.")
            log.info("app_password_revoked", extra={"user": address_key(user.email), "name_of_it": wanted, "by": scene.by})
            return [_json(one) for one in app_passwords.listed(connection, user.email) if one.id in {other.id for other in gone}]

        return self._durably(deed)


def _require_own(user: User, scene: Scene) -> None:
    if scene.by != address_key(user.email) and scene.user.role is not Role.ADMIN:
        raise Refused("App passwords are each person's own; only an administrator may look after those of others. Nothing was changed.")


def _anybody(scene: Scene, email: str) -> User:
    """Also somebody who left. Raises Refused."""
    user = next((one for one in scene.setup.users if address_key(one.email) == address_key(email)), None)
    if user is None:
        raise Refused(f"There is no user “{clean_line(email, 320)}”.")
    return user


def _json(one: AppPassword) -> Json:
    return {
        "id": one.id,
        "user": one.user_key,
        "name": one.name,
        "made_at": moment_json(one.made_at),
        "used_at": moment_json(one.used_at),
        "revoked_at": moment_json(one.revoked_at),
    }
