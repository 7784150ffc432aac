"""Which types of files are handed out without asking: the shipped list as data, and what each must look like; asking is `judging.py`."""

from __future__ import annotations

from gateway.inbound import sniff as kinds

EVERYTHING = "*"

GROUPS: dict[str, str] = {
    "application/pdf": "pdf",
    "application/postscript": "pdf",
    "application/rtf": "document",
    kinds.OLE: "document",
    kinds.ZIP: "zip",
    "application/vnd.ms-outlook": "document",
    "application/x-7z-compressed": "closed archive",
    "application/vnd.rar": "closed archive",
    "application/gzip": "archive",
    "application/x-bzip2": "closed archive",
    "application/x-xz": "closed archive",
    "application/zstd": "closed archive",
    "application/x-tar": "archive",
    "application/x-arj": "closed archive",
    "application/x-lha": "closed archive",
    "application/vnd.ms-cab-compressed": "closed archive",
    "application/x-xar": "closed archive",
    "application/xml": "markup",
    "text/html": "markup",
    "image/svg+xml": "markup",
    "text/calendar": "text",
    "text/vcard": "text",
    "application/pgp": "text",
    "application/x-pem-file": "text",
    "application/ms-tnef": "tnef",
    kinds.PROGRAM: "program",
    kinds.SCRIPT: "program",
    "application/x-ms-shortcut": "program",
    "application/java-archive": "program",
    "application/vnd.android.package-archive": "program",
    "application/vnd.ms-htmlhelp": "program",
    "application/onenote": "onenote",
    "application/x-virtual-disk": "disk",
    "application/vnd.sqlite3": "database",
    "application/vnd.ms-outlook-pst": "database",
    "application/x-shockwave-flash": "program",
}
"""Sniffed type → its group; what is not here is grouped by what stands before the slash."""

_OFFICE = ("document", "zip", "office", "markup", "text")
_MEDIA = ("audio", "video")

SAFE: dict[str, tuple[str, ...]] = {
    "txt": ("text", "markup"),
    "text": ("text", "markup"),
    "log": ("text", "markup"),
    "md": ("text", "markup"),
    "csv": ("text", "markup"),
    "tsv": ("text", "markup"),
    "json": ("text",),
    "xml": ("markup", "text"),
    "rtf": ("document",),
    "rtx": ("text", "markup"),
    "pdf": ("pdf",),
    "ps": ("pdf",),
    "doc": _OFFICE,
    "dot": _OFFICE,
    "xls": _OFFICE,
    "ppt": _OFFICE,
    "pps": _OFFICE,
    "docx": ("office", "zip", "document"),
    "dotx": ("office", "zip", "document"),
    "xlsx": ("office", "zip", "document"),
    "pptx": ("office", "zip", "document"),
    "ppsx": ("office", "zip", "document"),
    "odt": ("office", "zip"),
    "ods": ("office", "zip"),
    "odp": ("office", "zip"),
    "odg": ("office", "zip"),
    "vsd": _OFFICE,
    "vsdx": ("office", "zip", "document"),
    "msg": ("document", "text"),
    "eml": ("text", "markup", "message"),
    "ics": ("text",),
    "vcf": ("text",),
    "png": ("image",),
    "jpg": ("image",),
    "jpeg": ("image",),
    "jpe": ("image",),
    "jfif": ("image",),
    "gif": ("image",),
    "bmp": ("image",),
    "tif": ("image",),
    "tiff": ("image",),
    "webp": ("image",),
    "heic": ("image", "video"),
    "avif": ("image",),
    "ico": ("image",),
    "wmf": ("image",),
    "emf": ("image",),
    "emz": ("archive",),
    "mp3": _MEDIA,
    "wav": _MEDIA,
    "ogg": _MEDIA,
    "m4a": _MEDIA,
    "amr": _MEDIA,
    "flac": _MEDIA,
    "mp4": _MEDIA,
    "m4v": _MEDIA,
    "mov": _MEDIA,
    "avi": _MEDIA,
    "mkv": _MEDIA,
    "webm": _MEDIA,
    "mpg": _MEDIA,
    "mpeg": _MEDIA,
    "zip": ("zip", "office"),
    "gz": ("archive",),
    "tgz": ("archive",),
    "tar": ("archive",),
    "asc": ("text",),
    "pgp": (),
    "gpg": (),
    "sig": (),
    "p7s": (),
    "p7m": (),
    "p7c": (),
    "cer": (),
    "crt": (),
    "pem": (),
    "dat": ("tnef",),
    "tnef": ("tnef",),
    "bin": (),
}
"""Extension → groups its first bytes may belong to, () for those whose bytes tell nothing. A file whose bytes tell nothing is always taken at its word."""

PROGRAMS = frozenset(
    """exe com scr pif bat cmd msi msp mst dll sys drv cpl ocx ps1 psm1 vbs vbe js jse mjs wsf wsh wsc sct hta lnk url scf inf reg jar class
    apk app dmg pkg deb rpm sh bash zsh csh command py pyw pl php rb gadget msc chm hlp xll application appref-ms settingcontent-ms
    iso img vhd vhdx udf one onepkg docm dotm xlsm xltm xlam xlsb pptm potm ppam ppsm sldm slk iqy""".split()
)
"""Types that run, mount or carry macros: their names are suspect also where everything is allowed, if they pretend to be another type."""

UNOPENABLE = frozenset("7z rar xz bz2 zst cab arj lha lzh ace z".split())
"""Archives into which nobody here can look."""


def group_of(kind: str) -> str:
    """The group of a sniffed type; office documents are one."""
    if kind.startswith(("application/vnd.openxmlformats", "application/vnd.oasis.opendocument", "application/epub")):
        return "office"
    return GROUPS.get(kind) or kind.partition("/")[0]
