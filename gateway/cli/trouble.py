"""Troubles of the command line itself, each a sentence with an exit code (see `main.EXITS`)."""

from __future__ import annotations


class Unusable(Exception):
    """The installation cannot be used as it is set (exit 78): a port in use, a folder that cannot be written."""
