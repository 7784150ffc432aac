"""The labels of header lines that programs write above mails they quote or hand on (`From:`, `Von:`), in whatever language; real header fields are `header.py`."""

from __future__ import annotations

import re

from gateway.inbound import quoting

LONGEST = 300
"""Characters of a line that are looked at: no mail program writes a longer header line."""
_ODD = {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "’": "'", "：": ":", "\ufeff": "", "\u200b": "", "\u200e": "", "\u200f": ""}
_TURNS = dict.fromkeys("\u202a\u202b\u202c\u2066\u2067\u2068\u2069", "")
"""Marks that turn the direction of writing, put around labels and addresses in Hebrew and Arabic mails."""
ODD_SPACES = str.maketrans(_ODD | _TURNS)
_FIELD = re.compile(r"[^\W\d_]{1,24}(?:[ .'()-]{1,2}[^\W\d_]{1,24}){0,3}[.)]? ?:(?!//)")
_LABEL_KINDS = {word.replace("_", " "): kind for kind, words in quoting.LABELS.items() for word in words.split()}
_MOST_COLONS = 100
"""Of one line that are looked at: a header in one line has ten."""


def label_kind(line: str) -> str | None:
    """What a header line of a quoted mail names (`from`, `date`, …), or None."""
    head, colon, _ = line[:40].replace("：", ":").partition(":")
    if not colon or len(head) > 24:
        return None
    label = head.translate(ODD_SPACES).strip(" *").lower()
    return _LABEL_KINDS.get(label) or (_LABEL_KINDS.get(label.partition("(")[0].rstrip()) if label.endswith(")") else None)


def field_in(line: str) -> str | None:
    """What stands behind a label that is in no table (`Saatja: Ann <a@x.org>`), None if the line does not begin as a header line does."""
    found = _FIELD.match(line[:LONGEST].translate(ODD_SPACES).lstrip(" *"))
    return line.replace("：", ":").partition(":")[2].strip(" \t\u00a0\u202f*") if found and found.group()[0] == found.group()[0].upper() else None


def labels_within(line: str) -> dict[str, str]:
    """The fields of a header that stands in one line (`From: Ann <a@x.org>To: Bob`), its labels glued to what stands before; the first of each kind."""
    line = line[: 10 * LONGEST]
    found: list[tuple[int, int, str]] = []
    seen: set[str] = set()
    colon = line.find(":")
    for _ in range(_MOST_COLONS):
        if colon < 0:
            break
        for start in range(max(0, colon - 24), colon):
            kind = _LABEL_KINDS.get(line[start:colon].translate(ODD_SPACES).rstrip().lower()) if _may_begin(line[start]) else None
            if kind is not None and kind not in seen:
                seen.add(kind)
                found.append((start, colon + 1, kind))
                break
        colon = line.find(":", colon + 1)
    for word, kind in quoting.BARE_LABELS.items():
        start = line.find(f"{word} ")
        if kind not in seen and start > 0 and not line[start - 1].isspace():
            found.append((start, start + len(word), kind))
    found.sort()
    ends = [start for start, _, _ in found[1:]] + [len(line)]
    return {kind: line[begin:end].strip() for (_, begin, kind), end in zip(found, ends, strict=False)}


def _may_begin(char: str) -> bool:
    """Whether a label may begin with it: a capital, or a letter of a script that has none."""
    return char.isupper() or (char.isalpha() and not char.islower())
