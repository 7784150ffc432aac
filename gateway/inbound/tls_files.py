"""A server's certificate and key from files, read again when they change; who offers TLS with them is a door's business."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

log = logging.getLogger("guichet.tls")


class TlsFiles:
    """Gives the context for the files as they are now, so that a renewed certificate needs no restart.

    Raises OSError or ssl.SSLError at once if they cannot be used; if that happens later, the old certificate stays in use.
    """

    def __init__(self, certificate: Path, key: Path | None = None) -> None:
        self._certificate = certificate
        self._key = key or certificate
        self._stamp = self._stamps()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """For the next connection. Costs two `stat` calls."""
        try:
            stamp = self._stamps()
            if stamp != self._stamp:
                self._context = self._load()
                self._stamp = stamp
        except OSError as fault:  # SSLError is one too; half-written files are read again at the next connection
            log.warning("tls_files_not_read", extra={"certificate": str(self._certificate), "fault": str(fault)})
        return self._context

    def _stamps(self) -> tuple[int, int]:
        return self._certificate.stat().st_mtime_ns, self._key.stat().st_mtime_ns

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._certificate, self._key)
        return context
