"""Foreign HTML into HTML that shows no more than itself: no script, nothing remote, no form; rendering it in a sandbox is the web's part."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

import nh3

from gateway.inbound.charset import clean
from gateway.inbound.remote import held, inert

_TAGS = set(
    """a abbr address article b big blockquote br caption center code col colgroup dd del div dl dt em figcaption figure font footer
    h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q s samp section small span strike strong sub sup table tbody td
    tfoot th thead tr tt u ul var""".split()
)
_ATTRIBUTES = {
    "*": {"align", "bgcolor", "dir", "height", "lang", "style", "title", "valign", "width"},
    "a": {"href", "name"},
    "div": {"id", "name"},
    "blockquote": {"id", "name", "type"},
    "col": {"span"},
    "colgroup": {"span"},
    "font": {"color", "face", "size"},
    "hr": {"color", "id", "noshade", "size"},
    "img": {"alt", "border", "src"},
    "li": {"type", "value"},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "nowrap", "rowspan"},
    "th": {"colspan", "nowrap", "rowspan"},
    "ul": {"type"},
}
_QUOTE_CLASSES = set(
    """gmail_quote gmail_quote_container gmail_attr gmail_extra gmail_signature moz-cite-prefix moz-forward-container moz-signature
    yahoo_quoted protonmail_quote protonmail_signature_block ms-outlook-mobile-reference-message""".split()
)
_QUOTE_TAGS = "div blockquote span p pre table td".split()
_QUOTE_IDS = {"divRplyFwdMsg", "appendonsend", "zwchr"}
"""What mail programs write around quotations; every other class and id goes, our own included."""
_STYLES = {
    *"background-color color direction display font font-family font-size font-style font-variant font-weight height letter-spacing".split(),
    *"line-height list-style-type text-align text-decoration text-indent text-transform vertical-align white-space width word-spacing".split(),
    *(f"{box}{side}" for box in ("margin", "padding") for side in ("", "-top", "-right", "-bottom", "-left")),
    *(f"border{side}" for side in ("", "-top", "-right", "-bottom", "-left", "-collapse", "-color", "-spacing", "-style", "-width")),
}
_ACTIVE = re.compile(r"\\|@|[({]|expression|url|image|javascript|behavior|binding", re.IGNORECASE)
_HARMLESS_CALL = re.compile(r"rgba?\([0-9., %]{1,40}\)", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})")
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_SELF_CLOSING = frozenset("p li td th tr tbody thead tfoot dd dt option optgroup colgroup rp rt".split())
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_FEW_TAGS = 1_000
_DEEPEST = 400
_COPIES = 300_000
"""Elements copied by the rules for unclosed formatting; some 200 octets each."""


@lru_cache(maxsize=1024)  # one mail asks the same some hundred times; forgotten after each, so that no mail's values stay
def _allowed(tag: str, attribute: str, value: str) -> str | None:
    """The value to keep of an attribute nh3 would let through, or None."""
    if attribute == "style":
        return _inert_style(value) if _ACTIVE.search(value) else value
    if attribute == "src":
        return value if value[:4].lower() == "cid:" else held(value)
    if attribute == "href":
        return None if value.strip()[:4].lower() == "cid:" else value
    if attribute == "id":
        return value if value in _QUOTE_IDS else None
    if attribute == "name" and tag != "a":
        return value if value == "quote" else None
    return value


def _inert_style(style: str) -> str | None:
    """The declarations that fetch and run nothing."""
    kept = [one for one in style.split(";") if not _ACTIVE.search(_HARMLESS_CALL.sub("", one))]
    return ";".join(kept) or None


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style", "title", "noscript", "template", "iframe", "object", "textarea", "select"},
    attributes=_ATTRIBUTES,
    attribute_filter=_allowed,
    url_schemes={"http", "https", "mailto", "tel", "cid"},
    url_relative="deny",
    allowed_classes=dict.fromkeys(_QUOTE_TAGS, _QUOTE_CLASSES),
    filter_style_properties=_STYLES,
    link_rel="noopener noreferrer nofollow",
)


def sanitise(html: str) -> str | None:
    """Safe HTML; None for HTML built so that reading it would cost more than it can be worth (then the text is shown)."""
    if html.count("<") > _FEW_TAGS and _is_bomb(html):
        return None
    try:
        safe = _CLEANER.clean(html).strip()
    except BaseException as panic:  # a failed assertion in the Rust below is no Exception, and its class cannot be imported
        if type(panic).__name__ != "PanicException":
            raise
        return None
    finally:
        _allowed.cache_clear()
    return inert(clean(safe) if "&#" in html else safe)  # a number can stand for a control


def _is_bomb(html: str) -> bool:
    """Whether the tree would be very deep, or the elements that HTML copies into every block (b, font …) would multiply.

    Both cost a reader by the HTML standard the square of what it cost the sender to write.
    """
    opened: Counter[str] = Counter()
    depth = formatting = copies = 0
    html = html.lower()
    foreign = "<svg" in html or "<math" in html
    tags = _TAG.findall(html)
    if _is_shallow(tags, foreign):
        return False
    for closing, name in tags:
        copies += formatting
        if depth > _DEEPEST or copies > _COPIES:
            return True
        if name in _VOID or (name in _SELF_CLOSING and not foreign) or (closing and not opened[name]):
            continue
        change = -1 if closing else 1
        opened[name] += change
        depth += change
        if name in _FORMATTING:
            formatting += change
    return False


def _is_shallow(tags: list[tuple[str, str]], foreign: bool) -> bool:
    """Whether all its elements together, were none of them ever closed, would still be no bomb."""
    opened = {name: times for (closing, name), times in Counter(tags).items() if not closing and name not in _VOID}
    deepest = sum(times for name, times in opened.items() if foreign or name not in _SELF_CLOSING)
    return deepest <= _DEEPEST and len(tags) * sum(opened.get(name, 0) for name in _FORMATTING) <= _COPIES
