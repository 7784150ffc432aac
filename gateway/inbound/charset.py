"""Bytes of a body or header into clean text, whatever the label says; transfer encodings are `transfer.py`, encoded words `words.py`."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\x1b") + b"\x7f"
_DROPPED = _CONTROLS + b"\x1b"
_UNCLEAN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_C1_IN_UTF8 = re.compile(rb"\xc2[\x80-\x9f]")
_META = re.compile(rb"""charset\s{0,4}=\s{0,4}["']?([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)

_WIDER = {
    # What senders call by the small name and fill from the larger set (WHATWG Encoding, section 4.2).
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "iso2022_jp": "iso2022_jp_ext",
    "iso2022_jp_1": "iso2022_jp_ext",
    "iso2022_jp_2": "iso2022_jp_2",
}
_ALIASES = {
    # Names seen in mail that Python does not know.
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "unicode": "utf-8",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "x-sjis": "cp932",
    "ms_kanji": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "big5-eten": "big5hkscs",
    "cn-big5": "big5hkscs",
    "windows-874": "cp874",
    "dos-874": "cp874",
    "ansi": "cp1252",
    "macintosh": "mac_roman",
    "x-mac-roman": "mac_roman",
    "koi8": "koi8-r",
    "x-unknown": "",
    "unknown": "",
    "unknown-8bit": "",
    "x-user-defined": "",
    "binary": "",
    "default": "",
}
_BANNED = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_KNOWN_START = re.compile(
    r"windows-\d{3,4}|cp-?\d{3,5}|iso-?8859-\d{1,2}|iso-2022-(?:jp|kr)|utf-?(?:8|7)|utf-?(?:16|32)(?:le|be)?|us-ascii|koi8-[ru]|gb\d{4,5}|big5"
    r"|shift[_-]jis|euc-(?:jp|kr)"
)
_STATEFUL = frozenset({"utf-7", "hz", "iso2022_kr", "iso2022_jp_ext", "iso2022_jp_2", "iso2022_jp_3", "iso2022_jp_2004"})
WIDE = frozenset({"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"})
"""Codecs whose octets are no superset of ASCII."""
_HINTED = ["cp1251", "koi8_r", "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1253", "cp1255", "cp1256", "cp874", "cp1250"]


def clean(text: str) -> str:
    """Without NUL, controls (tab and line feed stay) and lone surrogates; line ends are line feeds."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.replace("\n", "").replace("\t", "").replace("\xa0", "").isprintable():  # no control is, nor a lone surrogate
        return text
    return _UNCLEAN.sub(lambda found: "\ufffd" if found.group() >= "\ud800" else "", text)


@lru_cache(maxsize=256)
def codec_named(label: str) -> str:
    """The Python codec for a charset label, widened to what senders mean by it; '' for unknown, empty and dangerous names."""
    name = label.strip(" \t\"'").lower()[:60]
    name = name.split(";")[0].split(",")[0].strip(" \t\"'")
    if name in _ALIASES:
        return _ALIASES[name]
    return _looked_up(name) or _looked_up(_known_start(name))


def _known_start(name: str) -> str:
    found = _KNOWN_START.match(name.replace(" ", "-"))
    return found.group() if found else ""


def _looked_up(name: str) -> str:
    if not name or not name.isascii() or not name.isprintable():
        return ""
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return ""
    if found.name in _BANNED or not getattr(found, "_is_text_encoding", True):
        return ""
    return _WIDER.get(found.name, found.name)


def decode_text(data: bytes, label: str = "", *, html: bool = False) -> tuple[str, str]:
    """Text of a body part and, where the label had to be doubted, a sentence that says so.

    The ladder: label, its wider kin, the HTML meta, UTF-8, a guess for non-Latin scripts, Windows-1252. Never raises.
    """
    codec = codec_named(label) if label else ""
    if codec in WIDE or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return clean(data.decode(codec if codec in WIDE else "utf-16", "replace").removeprefix("\ufeff")), ""
    if html and not codec:
        codec = _meta_codec(data)
    if data.startswith(codecs.BOM_UTF8):
        data, codec = data[3:], "utf-8"
    if b"\x1b" in data:
        escaped = _escaped(data, codec)
        if escaped is not None:
            return escaped, ""
    data = data.translate(None, _DROPPED)
    if codec not in _STATEFUL:
        data = _with_line_feeds(data)
        if data.isascii():
            return data.decode("ascii"), ""
    return _laddered(data, codec, label)


def _with_line_feeds(data: bytes) -> bytes:
    """Every line end as a line feed; three times as fast as to replace them one by one."""
    if b"\r" not in data:
        return data
    lines = b"\n".join(data.splitlines())
    return lines + b"\n" if data.endswith((b"\r", b"\n")) else lines


def _meta_codec(data: bytes) -> str:
    found = _META.search(data, 0, 2048)
    codec = codec_named(found.group(1).decode("ascii")) if found else ""
    return "" if codec in WIDE else codec


def _escaped(data: bytes, codec: str) -> str | None:
    """ISO 2022 text, labelled or not (much Japanese mail has it under any label); None if it is something else."""
    for candidate in (codec, "iso2022_jp_ext", "iso2022_jp_3"):
        if candidate.startswith(("iso2022", "hz")):
            try:
                return clean(data.decode(candidate))
            except UnicodeError:
                continue
    if codec.startswith("iso2022"):
        return clean(data.decode(codec, "replace"))
    return None


def _laddered(data: bytes, codec: str, label: str) -> tuple[str, str]:
    if codec:
        text = _strict(data, codec)
        if text is not None:
            return text, ""
        text = _nearly(data, codec)
        if text is not None:
            return text, f"Some characters are not valid {_shown(label) or codec}."
    text = _strict(data, "utf-8")
    found = "utf-8"
    if text is None:
        text, found = _guessed(data, bool(codec))
    return text, _doubt(label, found)


def _doubt(label: str, found: str) -> str:
    return f'The text is not in the character set "{_shown(label)}" it names; it was read as {found}.' if label else ""


def _shown(label: str) -> str:
    """A label as it can stand in a sentence."""
    return clean(label[:40]).replace("\n", " ")


def _strict(data: bytes, codec: str) -> str | None:
    try:
        if codec == "utf-8":
            if b"\xc2" in data:
                data = _C1_IN_UTF8.sub(b"", data)
            text = data.decode("utf-8")
            return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        return clean(data.decode(codec))
    except (UnicodeError, ValueError, LookupError):
        return None


def _nearly(data: bytes, codec: str) -> str | None:
    """The text with replacement characters if these are few beside what was well formed (a cut or spoilt character)."""
    try:
        text = clean(data.decode(codec, "replace"))
    except (UnicodeError, ValueError, LookupError):
        return None
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    return text if text.count("\ufffd") * 20 <= foreign else None


def _guessed(data: bytes, labelled: bool) -> tuple[str, str]:
    """Neither label nor UTF-8 fits: a guess if most letters are beyond ASCII, else Western European."""
    sample = data[:2048]
    high = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    if not labelled and high * 3 > len(sample.translate(None, b" \t\r\n")):
        hinted = _hinted(sample)
        text = _strict(data, hinted) if hinted else None
        if text is not None:
            return text, hinted
    text = _strict(data, "cp1252")
    return (text, "windows-1252") if text is not None else (clean(data.decode("latin-1")), "iso-8859-1")


def _hinted(sample: bytes) -> str:
    from charset_normalizer import from_bytes  # rarely needed and slow to import

    best = from_bytes(sample, cp_isolation=_HINTED, steps=3, chunk_size=512).best()
    return best.encoding if best else ""
