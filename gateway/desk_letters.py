"""A letter made ready before it is written: the mail it is about, its HTML cleaned, its files looked at, its size; writing it is `desk_mail.py`.

Reading and judging happen outside the transaction that writes: `ready` gathers, `stored` and `require_size` act inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from core.mail import Attachment
from core.original import LetterKind, Original, require_answerable
from core.outbox import FileRef
from core.refusal import NotFound, Refused
from core.scene import Scene
from core.setup import Role, Setup
from core.signature import signed
from core.wording import clean_line
from core.work_item import WorkItem
from core.writing import Letter
from gateway.desk_files import contents_of, numbered, require_safe, require_unchanged
from gateway.desk_html import NewFile, inline_id, quotable, written
from gateway.desk_uploads import Upload, looked_at, megabytes
from gateway.inbound.embedded import referenced, same_id
from gateway.inbound.filename import safe_name
from gateway.inbound.judging import VIRUS, judged
from gateway.inbound.stored_html import shown
from gateway.outbound.bodies import estimated_size, text_of_html
from gateway.store import attachments, connector_status, originals, stored_files
from gateway.store.originals import Found
from gateway.store.stored_files import DESK, StoredFile

if TYPE_CHECKING:
    from gateway.clock import Clock

MOST_FILES = 100
"""With one mail."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What goes with a letter: ids of stored files, files at hand, and (mail, number) of attachments of the item's mails. `anyway`: dangerous ones too."""

    files: Sequence[str | FileRef] = ()
    attach: Sequence[Upload] = ()
    from_mail: Sequence[tuple[str, int]] = ()
    anyway: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """A letter that can be written: `new` files are stored with it; `notes` are sentences for its author."""

    letter: Letter
    original: Original | None = None
    new: tuple[NewFile, ...] = ()
    notes: tuple[str, ...] = ()


def ready(connection: Connection, item: WorkItem, scene: Scene, letter: Letter, asked: Asked, *, draft: bool = False) -> Ready:
    """The letter with everything it needs. `draft`: the original's files are not fetched yet. Raises Refused, NotFound."""
    if len(asked.files) + len(asked.attach) + len(asked.from_mail) > MOST_FILES:  # said before each of them is looked into
        raise Refused(f"A mail may have at most {MOST_FILES} files. Put them into an archive.")
    found = _about(connection, item, letter)
    original = found.original if found is not None else None
    require_answerable(letter.kind, original)
    letter = letter if draft else _signed(letter, scene)
    html, images = written(letter.html, most=2 * scene.setup.max_mail_size) if letter.html else ("", ())
    letter = replace(letter, html=html, text=letter.text or text_of_html(html))
    known = [_stored(connection, item, one) for one in asked.files]
    fetched = [_from_mail(connection, item, scene, mail_id, number, asked) for mail_id, number in asked.from_mail]
    new = [*images, *(looked_at(one, scene.setup, anyway=asked.anyway) for one in asked.attach), *(one for one in fetched if isinstance(one, NewFile))]
    known += [one for one in fetched if isinstance(one, FileRef)]
    notes: list[str] = []
    if found is not None and not draft:
        if letter.kind is LetterKind.FORWARD:
            carried, kept_back = _carried(connection, found, letter, scene, asked)
            new += [one for one in carried if isinstance(one, NewFile)]
            known += [one for one in carried if isinstance(one, FileRef)]
            notes += kept_back
        original, pictures = _with_html(connection, found, letter)
        new += pictures
        known += [one for one in found.files if one.inline_id and f"cid:{one.inline_id}" in original.html]
    kept = (*letter.files, *known)
    if len(kept) + len(new) > MOST_FILES:
        raise Refused(f"A mail may have at most {MOST_FILES} files; this one has {len(kept) + len(new)}. Put them into an archive.")
    return Ready(replace(letter, files=kept), original, tuple(new), tuple(notes))


def _signed(letter: Letter, scene: Scene) -> Letter:
    """With the author's signature, where it is asked for and something stands above it. Raises Refused where they have none."""
    if not letter.signature or not (letter.text or letter.html or letter.kind is LetterKind.FORWARD):
        return letter
    own = scene.user if scene.user.signature else replace(scene.user, signature=text_of_html(scene.user.signature_html))
    text, html = signed(letter.text or text_of_html(letter.html), letter.html, own)
    return replace(letter, text=text, html=html, signature=False)


def stored(connection: Connection, clock: Clock, item: WorkItem, scene: Scene, found: Ready) -> Letter:
    """The letter with its new files on the item's shelf; inside the transaction that writes it."""
    refs: dict[tuple[str, str], FileRef] = {(one.id, one.inline_id): one for one in found.letter.files}
    for one in found.new:
        kept = stored_files.add(connection, clock.new_id(), item.id, one.name, one.content_type, one.content, now=scene.now, by=scene.by, source=one.source)
        ref = ref_of(kept, one.inline_id)
        refs.setdefault((ref.id, ref.inline_id), ref)
    return replace(found.letter, files=tuple(refs.values()))


def ref_of(kept: StoredFile, shown_as: str = "") -> FileRef:
    """A stored file as a mail names it."""
    return FileRef(kept.id, kept.name, kept.content_type, kept.size, shown_as)


@dataclass(frozen=True, slots=True)
class Weight:
    """What counts for the size of a mail: the connector it leaves by, its bodies, its files, how many people stand in its header."""

    connector: str
    text: str
    html: str = ""
    files: tuple[FileRef, ...] = ()
    recipients: int = 1


def require_size(connection: Connection, weight: Weight, setup: Setup) -> None:
    """Raises Refused for a mail that would be larger than the desk allows, or than the server that sends it said it takes (C-CO-09)."""
    size = estimated_size(weight.text, weight.html, [one.size for one in weight.files], recipients=weight.recipients)
    announced = connector_status.size_limit(connection, weight.connector)
    if size > setup.max_mail_size:
        limit = f"a mail may have {megabytes(setup.max_mail_size)} (max_mail_size in the desk file)"
    elif announced and size > announced:
        limit = f"the server of “{weight.connector}” takes {megabytes(announced)}"
    else:
        return
    biggest = max(weight.files, key=lambda one: one.size, default=None)
    hint = f"leave out “{biggest.name}” ({megabytes(biggest.size)}), or send a link to it" if biggest is not None else "make the text shorter"
    raise Refused(f"The mail would have {megabytes(size)} as it leaves, and {limit}. It was not saved: {hint}.")


# ---------------------------------------------------------------- the mail it is about


def _about(connection: Connection, item: WorkItem, letter: Letter) -> Found | None:
    wanted = clean_line(letter.about, 64)
    if not wanted and letter.kind in (LetterKind.ANSWER, LetterKind.NEW) and not letter.quote:
        return None
    if letter.kind is LetterKind.NEW:
        raise Refused("A new mail is about no other; reply or forward instead.")
    named = wanted or originals.newest(connection, item.id, either_way=letter.kind is not LetterKind.ANSWER)
    found = originals.original_of(connection, item.id, named) if named else None
    if found is None and wanted:
        raise NotFound(f"There is no mail “{wanted}” on {item.ref}.")
    return found


def _with_html(connection: Connection, found: Found, letter: Letter) -> tuple[Original, list[NewFile]]:
    """The original with its HTML as it may be quoted, and the images that then go with it; none where the letter quotes no HTML."""
    original = found.original
    forwards = letter.kind is LetterKind.FORWARD and not letter.as_attachment
    if not (letter.html and letter.quote) and not (forwards and (letter.html or not letter.text)):
        return replace(original, html=""), []
    page = shown(connection, original.id) if found.inbound else None
    html = page.html if page is not None else "" if found.inbound else original.html
    if not found.inbound:
        return replace(original, html=html), []
    images, ids = [], {}
    named = referenced(html)
    for one, content in _pictures(connection, original.id, named):
        made = NewFile(one.name, one.sniffed, content, f"{original.id}:inline", inline_id(sha256(content).hexdigest()))
        ids[same_id(one.content_id)] = made.inline_id
        images.append(made)
    return replace(original, html=quotable(html, ids)), images


def _pictures(connection: Connection, inbound_id: str, named: frozenset[str]) -> list[tuple[Attachment, bytes]]:
    """The images that HTML shows by these ids, those that are images indeed."""
    contents = contents_of(connection, inbound_id)
    wanted = [one for one in attachments.listed(connection, inbound_id) if same_id(one.content_id) in named and one.sniffed.startswith("image/") and not one.danger]
    return [(one, contents.of(one)) for one in wanted if one.sniffed != "image/svg+xml"]


# ---------------------------------------------------------------- files


def _stored(connection: Connection, item: WorkItem, wanted: str | FileRef) -> FileRef:
    """A file of the item or of the desk. Raises NotFound."""
    named = wanted.id if isinstance(wanted, FileRef) else clean_line(wanted, 64)
    kept = stored_files.load(connection, (named,)).get(named)
    if kept is None or kept.shelf not in (item.id, DESK) or kept.removed_at is not None:
        raise NotFound(f"There is no file “{named}” on {item.ref}; see: guichet file list {item.ref}")
    return wanted if isinstance(wanted, FileRef) else ref_of(kept)


def _from_mail(connection: Connection, item: WorkItem, scene: Scene, mail_id: str, number: int, asked: Asked) -> NewFile | FileRef:
    """An attachment of a mail of the item. Raises NotFound, and Refused for a dangerous one."""
    named = clean_line(mail_id, 64)
    found = originals.original_of(connection, item.id, named)
    if found is None:
        raise NotFound(f"There is no mail “{named}” on {item.ref}.")
    if not found.inbound:
        files = [one for one in found.files if not one.inline_id]
        if not 1 <= number <= len(files):
            raise NotFound(f"The mail {named} has {len(files)} files; there is no number {number}.")
        return files[number - 1]
    contents = contents_of(connection, named)
    one = judged(contents, (numbered(connection, named, number),), scene.setup.attachment_types)[0]
    require_safe(one, anyway=asked.anyway, administrator=scene.user.role is Role.ADMIN)
    content = contents.of(one)
    require_unchanged(one, connection, named, content)
    return NewFile(one.name, one.content_type, content, f"inbound:{named}:{number}")


def _carried(connection: Connection, found: Found, letter: Letter, scene: Scene, asked: Asked) -> tuple[list[NewFile | FileRef], list[str]]:
    """What a forward hands on besides words: the whole mail, or its files; and a sentence for each that stays behind."""
    original = found.original
    if letter.as_attachment:
        return [_whole(connection, found, scene, asked)], []
    if not found.inbound:
        return list(found.files), []
    carried: list[NewFile | FileRef] = []
    notes: list[str] = []
    contents = contents_of(connection, original.id)
    listed = attachments.listed(connection, original.id)
    if sum(one.size for one in listed if not one.within) > scene.setup.max_mail_size:
        raise Refused(f"The files of this mail have more than {megabytes(scene.setup.max_mail_size)} together; forward it without them, or some of them.")
    named = referenced(_page(connection, original.id)) if letter.html or not letter.text else frozenset()
    for number, one in enumerate(judged(contents, listed, scene.setup.attachment_types), 1):
        if one.within or (one.inline and same_id(one.content_id) in named):  # the container goes as a whole; the page's images go with the page
            continue
        try:
            require_safe(one, anyway=asked.anyway, administrator=scene.user.role is Role.ADMIN)
            content = contents.of(one)
            require_unchanged(one, connection, original.id, content)
        except Refused as refused:
            notes.append(f"Not forwarded: {refused}")
            continue
        carried.append(NewFile(one.name, one.content_type, content, f"inbound:{original.id}:{number}"))
    return carried, notes


def _whole(connection: Connection, found: Found, scene: Scene, asked: Asked) -> NewFile:
    """A mail as a file. Raises Refused where it is not stored any more, and for a virus in it as for that file alone."""
    raw = originals.raw_of(connection, found.original.id)
    if not raw:
        raise Refused("The mail as it came is not stored any more; forward its words instead.")
    for one in attachments.listed(connection, found.original.id) if found.inbound else ():
        if one.danger.startswith(VIRUS):
            require_safe(one, anyway=asked.anyway, administrator=scene.user.role is Role.ADMIN)
    name = safe_name(clean_line(found.original.subject, 100)) or "message"
    return NewFile(f"{name}.eml", "message/rfc822", raw, f"{found.original.id}:whole")


def _page(connection: Connection, inbound_id: str) -> str:
    page = shown(connection, inbound_id)
    return page.html if page is not None else ""
