"""Small builders of raw mails for the tests of reading; no test stands here."""

from __future__ import annotations

HEAD = b"From: ann@x.org\r\nTo: help@y.org\r\nSubject: s\r\nMIME-Version: 1.0\r\n"


def mail(*fields: bytes, body: bytes = b"hello\r\n") -> bytes:
    """A mail of these header fields and this body."""
    return b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def typed(content_type: bytes, body: bytes, encoding: bytes = b"") -> bytes:
    """A mail with the usual header, this Content-Type and this body."""
    transfer = b"Content-Transfer-Encoding: " + encoding + b"\r\n" if encoding else b""
    return HEAD + b"Content-Type: " + content_type + b"\r\n" + transfer + b"\r\n" + body


def part(content_type: bytes, body: bytes, *fields: bytes) -> bytes:
    """One part of a multipart: a Content-Type, other fields, a body."""
    return b"".join(field + b"\r\n" for field in (b"Content-Type: " + content_type, *fields)) + b"\r\n" + body


def multipart(kind: bytes, *parts: bytes, boundary: bytes = b"bnd") -> bytes:
    """A mail of several parts."""
    lines = b"".join(b"--" + boundary + b"\r\n" + one + b"\r\n" for one in parts)
    return HEAD + b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\r\n\r\n' + lines + b"--" + boundary + b"--\r\n"


TEXT = part(b"text/plain; charset=utf-8", b"hello")
PNG = b"iVBORw0KGgoAAAANSUhEUg=="
