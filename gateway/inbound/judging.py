"""Why an attachment is not handed out without asking: a type that is not allowed, another type than it says, macros, a bomb (behaviour.md E-42).

Judged when the mail is processed, by the list of that moment, and again when somebody asks for the file, by the list of then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.mail import Attachment
from gateway.inbound.allowed import EVERYTHING, PROGRAMS, SAFE, UNOPENABLE, group_of
from gateway.inbound.archives import LARGEST, Looked, Room, look
from gateway.inbound.attachments import Contents
from gateway.inbound.filename import EXTENSIONS
from gateway.inbound.sniff import OLE

VIRUS = "virus: "
"""How the danger begins that a scanner found; no list changes that."""
_LOOKED_INTO = frozenset({"zip", "office", "archive"})
_MACROS = "_VBA_PROJECT".encode("utf-16-le")
_NAMELESS = frozenset({"", "bin", "dat"})
_MOST_NAMES = 3


class AllowedTypes:
    """The list of one setup: extensions without dot, `*` for everything; an empty one is the shipped list."""

    def __init__(self, listed: Sequence[str]) -> None:
        self.extensions = frozenset(one.strip().lstrip("*").lstrip(".").lower() for one in listed) - {""} or frozenset(SAFE)
        self.everything = EVERYTHING in (one.strip() for one in listed)

    def has(self, extension: str) -> bool:
        return self.everything or extension in self.extensions


def judged(contents: Contents, attachments: Iterable[Attachment], listed: Sequence[str]) -> tuple[Attachment, ...]:
    """The attachments, each with its danger as the list has it now; a virus that was found stays one."""
    allowed, room = AllowedTypes(listed), Room()
    return tuple(one if one.danger.startswith(VIRUS) else replace(one, danger=_danger(one, contents, allowed, room)) for one in attachments)


def _danger(one: Attachment, contents: Contents, allowed: AllowedTypes, room: Room) -> str:
    """A sentence, '' for none. Only archives and old office files are decoded for it."""
    return by_name(one.name, one.content_type, one.sniffed, allowed) or _by_content(one, contents, allowed, room)


def by_name(name: str, content_type: str, sniffed: str, allowed: AllowedTypes) -> str:
    """What name and first bytes say."""
    extension = extension_of(name, content_type)
    group = group_of(sniffed) if sniffed else ""
    before = name.rstrip(" .").lower().rsplit(".", 2)
    if extension in PROGRAMS and len(before) == 3 and before[1] in SAFE and before[1] not in _NAMELESS:
        return f"Its name ends in .{before[1]}.{extension}: it pretends to be another type than it is."
    if group == "program" and extension not in PROGRAMS:
        return f"It is a program, although its name says .{extension}." if extension else "It is a program."
    if not extension and sniffed and _sniffed_allowed(group, allowed):
        return ""
    if not allowed.has(extension):
        return f"Files of the type .{extension} are not on the list of allowed types." if extension else "It has no type that could be on the list of allowed types."
    fitting = SAFE.get(extension, ())
    if group and fitting and group not in fitting and extension not in _NAMELESS:
        return f"Its name says .{extension}, but it is {sniffed}."
    if extension in _NAMELESS and sniffed and not _sniffed_allowed(group, allowed):
        return f"It is {sniffed}, which is not on the list of allowed types."
    return ""


def extension_of(name: str, content_type: str) -> str:
    """The last extension, lower case; without one what the content type goes by. Forwarded mails are often named by their subject."""
    stem, dot, extension = name.rstrip(" .").lower().rpartition(".")
    extension = extension if dot and stem and len(extension) <= 20 else ""
    if content_type.startswith("message/") and extension not in SAFE and extension not in PROGRAMS:
        return "eml"
    return extension or EXTENSIONS.get(content_type, "")


def _sniffed_allowed(group: str, allowed: AllowedTypes) -> bool:
    return allowed.everything or any(group in SAFE.get(extension, ()) for extension in allowed.extensions)


def _by_content(one: Attachment, contents: Contents, allowed: AllowedTypes, room: Room) -> str:
    extension = extension_of(one.name, one.content_type)
    if _hides(extension, one) and not allowed.everything:
        return f"Its name says .{extension}, but it does not begin like one, so nobody can look into it."
    if one.sniffed == OLE and not allowed.everything and one.size <= LARGEST:
        return "It is a document with macros." if _MACROS in contents.of(one) else ""
    if extension in UNOPENABLE and not allowed.everything:
        return "It is an archive of a kind that cannot be looked into."
    if not one.sniffed or group_of(one.sniffed) not in _LOOKED_INTO:
        return ""
    if one.size > LARGEST:
        return "" if allowed.everything else "It is an archive that is too large to be looked into."
    looked = look(contents.of(one), room)
    if extension == "gz":
        looked.names.append(one.name.rstrip(" .")[:-3])  # what is in it is called so once it is unpacked
    return _of_archive(looked, allowed)


def _hides(extension: str, one: Attachment) -> bool:
    """An archive behind something else: programs find its directory at the end all the same. Text is no archive, whatever its name."""
    fitting = SAFE.get(extension, ())
    return bool(one.size) and not one.sniffed and not _LOOKED_INTO.isdisjoint(fitting) and "text" not in fitting


def _of_archive(looked: Looked, allowed: AllowedTypes) -> str:
    if looked.wrong:
        return " ".join(looked.wrong[:_MOST_NAMES])
    if allowed.everything:
        return ""
    if looked.encrypted:
        return "It is an encrypted archive: nobody could look into it."
    if looked.macros:
        return "It is a document with macros."
    unwanted = [name for name in looked.names if _unwanted(name, allowed)]
    shown = ", ".join(f"“{name.replace(chr(92), '/').rpartition('/')[2][:80]}”" for name in unwanted[:_MOST_NAMES])
    return f"The archive holds {shown}: such files are not on the list of allowed types." if unwanted else ""


def _unwanted(name: str, allowed: AllowedTypes) -> bool:
    """Inside archives many files have types nobody listed (fonts, styles, relations): only what runs counts, and archives that stay closed."""
    extension = extension_of(name, "")
    return (extension in PROGRAMS or extension in UNOPENABLE) and extension not in allowed.extensions
