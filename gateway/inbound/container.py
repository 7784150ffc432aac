"""What comes out of an attachment that holds others: its files and its own text. Opening is `tnef.py` and `cms.py`; who asks is `attachments.py`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Inner:
    """One file of a container, decoded; the name as written there, not yet safe."""

    name: str
    data: bytes
    content_type: str = "application/octet-stream"
    content_id: str = ""


@dataclass(slots=True)
class Opened:
    """The files of a container in its order, the text it brings, and sentences about what could not be read."""

    files: list[Inner] = field(default_factory=list)
    text: str = ""
    html: str = ""
    """As written, not sanitised."""
    defects: list[str] = field(default_factory=list)
