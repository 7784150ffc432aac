"""What people choose for themselves: absence and deputy, what is told by mail, keys that sign their mails; the signature below them is `desk_words.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from core.by_mail import ByMail, Occasion
from core.durations import write_duration
from core.mail import address_key
from core.refusal import NotFound, Refused
from core.scene import Scene
from core.setup import Role, Setup, User
from core.wording import clean_line
from gateway.desk_base import DeskBase, Json

Shown = TypeVar("Shown")

class PreferenceDesk(DeskBase):
    """Everybody for themselves, administrators for everybody. What is chosen goes through the checks of a desk file, and its history says who chose it."""

    def absence(self, email: str, by: str) -> Json:
        """`email`, `absent_until` (aware, or None), `absent` now, `deputy` ('' = the queue), `stands_in` who does now. Raises Refused, NotFound."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            return _absence_shown(_whose(scene, email), scene)

    def set_absence(self, email: str, by: str, *, until: datetime | None = None, back: bool = False, deputy: str | None = None) -> Json:
        """Away until an aware moment to come, or back now; `deputy` '' is nobody, None leaves it. Raises Refused, NotFound."""

        def chosen(user: User, scene: Scene) -> User:
            if until is not None and until <= scene.now:
                raise Refused("The end of an absence is a time to come. Nothing was changed.")
            away = None if back else until or user.absent_until
            return replace(user, absent_until=away, deputy=user.deputy if deputy is None else _named(deputy, scene.setup))

        return self._choose(email, by, chosen, _absence_shown)

    def told_by_mail(self, email: str, by: str) -> Json:
        """`at_once`, `digest`, `digest_at`, `confirm`, `undo` of a person. Raises Refused, NotFound."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            return _by_mail_shown(_whose(scene, email), scene)

    def set_told_by_mail(
        self,
        email: str,
        by: str,
        *,
        at_once: Sequence[str] | None = None,
        digest: Sequence[str] | None = None,
        digest_at: str | None = None,
        confirm: bool | None = None,
        undo: timedelta | None = None,
    ) -> Json:
        """Choose what is told at once and what in the digest, when that comes, whether deeds by mail are confirmed, and how long answers by mail wait.

        None leaves it as it is. An occasion that one list names goes out of the other. Raises Refused, NotFound.
        """
        now_told = None if at_once is None else _occasions(at_once)
        collected = None if digest is None else _occasions(digest)

        def chosen(user: User, scene: Scene) -> User:
            was = user.by_mail
            first = tuple(one for one in was.at_once if one not in (collected or ())) if now_told is None else now_told
            later = tuple(one for one in was.digest if one not in first) if collected is None else collected
            kept = ByMail(
                at_once=first,
                digest=later,
                digest_at=was.digest_at if digest_at is None else clean_line(digest_at, 20),
                undo=was.undo if undo is None else undo,
                confirm=was.confirm if confirm is None else confirm,
                signing_keys=was.signing_keys,
            )
            return replace(user, by_mail=kept)

        return self._choose(email, by, chosen, _by_mail_shown)

    def signing_keys(self, email: str, by: str) -> list[Json]:
        """The keys that sign a person's mails: `number`, `kind`, `fingerprint`, `names`, `valid_from`, `valid_until`, `warnings`. Raises Refused, NotFound."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            return _keys_shown(_whose(scene, email), scene)

    def add_signing_key(self, email: str, by: str, content: bytes) -> list[Json]:
        """Register a certificate or public key; returns all of them. Raises Refused with what is wrong with it, NotFound."""
        from gateway.inbound.signing_key import SigningKeyTrouble, keys_of, read_key

        try:
            key = read_key(content)
        except SigningKeyTrouble as trouble:
            raise Refused(f"The key was not taken: {trouble}.") from None

        def chosen(user: User, scene: Scene) -> User:
            if key.valid_until is not None and key.valid_until < scene.now:
                raise Refused(f"The key was not taken: it was valid until {key.valid_until:%Y-%m-%d}.")
            if key.fingerprint in {one.fingerprint for one in keys_of(user.by_mail.signing_keys)}:
                raise Refused(f"{user.email} has this key already.")
            return replace(user, by_mail=replace(user.by_mail, signing_keys=(*user.by_mail.signing_keys, key.armour)))

        return self._choose(email, by, chosen, _keys_shown)

    def remove_signing_key(self, email: str, by: str, number: int) -> list[Json]:
        """Forget a key, by its number in the list; what it signs proves nothing any more. Raises Refused, NotFound."""

        def chosen(user: User, scene: Scene) -> User:
            keys = user.by_mail.signing_keys
            if not 1 <= number <= len(keys):
                raise NotFound(f"{user.email} has no key {number}; there {'is one' if len(keys) == 1 else f'are {len(keys)}'}.")
            return replace(user, by_mail=replace(user.by_mail, signing_keys=keys[: number - 1] + keys[number:]))

        return self._choose(email, by, chosen, _keys_shown)

    def _choose(self, email: str, by: str, chosen: Callable[[User, Scene], User], shown: Callable[[User, Scene], Shown]) -> Shown:
        """Save what a person's user becomes, if a desk file could say the same."""

        def deed(connection: Connection) -> Shown:
            self._setups.locked(connection)
            scene = self._scene(connection, by)
            was = _whose(scene, email)
            becomes = chosen(was, scene)
            setup = replace(scene.setup, users=tuple(becomes if one is was else one for one in scene.setup.users))
            _require_sound(setup, becomes)
            self._setups.save(connection, setup, scene.by, scene.now)
            return shown(becomes, replace(scene, setup=setup))

        return self._durably(deed)


def _whose(scene: Scene, email: str) -> User:
    """Raises Refused, NotFound."""
    key = address_key(clean_line(email, 320))
    if key != scene.by and scene.user.role is not Role.ADMIN:
        raise Refused("This is a person's own choice; only they and an administrator may look at it or change it.")
    found = scene.setup.user_of.get(key)
    if found is None:
        raise NotFound(f"There is no active user “{clean_line(email, 320)}”.")
    return found


def _require_sound(setup: Setup, user: User) -> None:
    """Raises Refused with the first thing that does not hold."""
    from gateway.deskfile.preference_checks import of_user

    for path, said in of_user(user, setup):
        raise Refused(f"{path.rpartition('.')[2]}: {said}. Nothing was changed.")


def _named(email: str, setup: Setup) -> str:
    """The address of a user as it is kept; what is no user's is left to the check."""
    found = setup.user_of.get(address_key(clean_line(email, 320)))
    return found.email if found is not None else clean_line(email, 320)


def _occasions(words: Sequence[str]) -> tuple[Occasion, ...]:
    """Raises Refused."""
    unknown = [word for word in words if word not in list(Occasion)]
    if unknown:
        raise Refused(f"“{clean_line(unknown[0], 40)}” is not one of {', '.join(Occasion)}. Nothing was changed.")
    return tuple(dict.fromkeys(map(Occasion, words)))


def _absence_shown(user: User, scene: Scene) -> Json:
    from core.absence import present

    people = present(scene.setup, scene.now)
    key = address_key(user.email)
    away = people.is_away(key)
    until = user.absent_until
    return {
        "email": user.email,
        "absent": away,
        "absent_until": until.isoformat() if until is not None and away else None,
        "deputy": user.deputy,
        "stands_in": people.stand_in(key) if away else "",
    }


def _by_mail_shown(user: User, scene: Scene) -> Json:
    chosen: ByMail = user.by_mail
    return {
        "email": user.email,
        "at_once": [str(one) for one in chosen.at_once],
        "digest": [str(one) for one in chosen.digest],
        "digest_at": chosen.digest_at,
        "confirm": chosen.confirm,
        "undo": write_duration(chosen.undo),
    }


def _keys_shown(user: User, scene: Scene) -> list[Json]:
    from gateway.inbound.signing_key import described

    return [
        {"number": number, **described(armour, user.email, scene.now)} for number, armour in enumerate(user.by_mail.signing_keys, 1)
    ]
