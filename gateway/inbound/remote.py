"""Remote images of a mail: kept inert as `data-remote-src`, counted, and made to load again only for who asks; cleaning HTML is `sanitise.py`.

All of this works on what the sanitiser wrote: there every attribute stands in double quotes, a quote within is escaped, and no text holds a `<`.
"""

from __future__ import annotations

import re

HELD = "guichet-remote:"
"""Scheme under which the sanitiser hands a remote address on; no reader of HTML fetches it."""
_HELD_SRC = f' src="{HELD}'
_REMOTE = ' data-remote-src="'
_TRACKER = ' data-tracker="'
_DATA = ' data-'
_TAG = re.compile(r'<img((?: [a-z-]++="[^"]*+")*+)>|<[^">]*+(?:"[^"]*+"[^">]*+)*+>')
"""Every tag, so that a search never begins inside one."""
_THIN = re.compile(r' (?:width|height)="\s{0,9}[01](?:px)?\s{0,9}"|[ ;"](?:width|height):\s{0,9}[01](?:px)?[;"]|display:\s{0,9}none')
_GONE = '<img alt="" data-tracker="">'


def held(address: str) -> str | None:
    """The form in which the address of an image passes the sanitiser: http and https only."""
    return HELD + address if address.strip()[:8].lower().startswith(("http://", "https://")) else None


def inert(html: str) -> str:
    """Held images under a name that loads nothing. What shows no picture but only that the mail was opened loses its address for good."""
    if _HELD_SRC not in html:
        return html
    return _TAG.sub(_inert_image, html)


def _inert_image(tag: re.Match[str]) -> str:
    attributes = tag.group(1)
    if not attributes or _HELD_SRC not in attributes:
        return tag.group()
    return _GONE if _THIN.search(attributes) else f"<img{attributes.replace(_HELD_SRC, _REMOTE, 1)}>"


def remote_count(html: str) -> int:
    """Remote images and trackers in sanitised HTML."""
    if _DATA not in html:
        return 0
    return html.count(_REMOTE) + html.count(_TRACKER)


def loading(html: str) -> str:
    """The HTML with its remote images as images again: only for a person who asked, and only in the frame of `gateway/web/frame.py`."""
    return _TAG.sub(lambda tag: tag.group().replace(_REMOTE, ' src="', 1), html) if _REMOTE in html else html
