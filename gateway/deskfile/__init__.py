"""The desk file (contract section 4): everything administrators configure, as TOML that is read, checked and written; nothing here touches the database."""

from gateway.deskfile.reading import DeskFile, DeskTrouble, read_desk
from gateway.deskfile.writing import write_desk

__all__ = ["DeskFile", "DeskTrouble", "read_desk", "write_desk"]
