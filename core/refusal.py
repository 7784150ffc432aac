"""What is not done, said to the person who asked; what the status tables forbid is `core/transitions.py`."""

from __future__ import annotations


class Refused(Exception):
    """What was asked is not done. `str()` is a sentence for the person who asked."""


class NotFound(Refused):
    """There is no such thing, or the person may not know of it: both say the same."""
