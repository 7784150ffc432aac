"""How much of a hostile mail is read before reading stops; what happens at a limit is told in `parse.py`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Upper bounds for one mail; all sizes in bytes of the raw mail unless a line says otherwise."""

    parts: int = 2_000
    """Leaf parts that are read; the rest stays in the raw mail."""
    depth: int = 100
    """Levels of multipart inside multipart."""
    header_bytes: int = 2_000_000
    """Of the header block of the whole mail."""
    part_header_bytes: int = 64_000
    """Of the header block of one part."""
    fields: int = 1_000
    """Header fields that are kept."""
    fields_seen: int = 20_000
    """Header fields that are looked at for the ones that matter (From, Subject, ids)."""
    field_chars: int = 16_000
    """Characters of one kept header field."""
    header_chars: int = 256_000
    """Characters of all kept header fields together."""
    list_bytes: int = 512_000
    """Of one address list."""
    addresses: int = 5_000
    """Addresses of one field."""
    text_bytes: int = 2_000_000
    """Decoded bytes of text of all body parts together."""
    html_chars: int = 1_000_000
    """Characters of HTML that are sanitised; a longer one is cut."""
    opened_bytes: int = 64_000_000
    """Encoded bytes of all containers (winmail.dat, opaque signatures) that are opened."""
    opened_files: int = 1_000
    """Files out of all containers of one mail."""


DEFAULT = Budget()
"""What one mail may cost in the child process, or directly if it is small."""

INLINE = Budget(parts=1_000, depth=20, header_bytes=64_000)
"""Above this number of parts, levels or bytes of header a mail is read in the child process (architecture.md, section 4).

Of the header because address lists cost up to twelve microseconds a byte. What is read in place has no clock of its own: every reader is
linear, and 2 MB bound it (`isolate.LARGE`); in the child the processor's seconds are bounded by the system.
"""

HEADER_ONLY = Budget(parts=1, depth=0, header_bytes=64_000, list_bytes=32_000, opened_bytes=0)
"""For mail whose content could not be read within the limits: nothing of it may cost much a second time."""
