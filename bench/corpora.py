"""How much of the corpora of mails that nobody here wrote is read right, each figure against its bound, and every miss by name.

    .venv/bin/python -m bench.corpora [--corpus ../shared/corpus] [--mix FOLDER_OF_EML] [--quiet]

Exit 1 if a bound is missed. `--mix` names further ordinary mails, of which none may be taken for a delivery report.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.house import ROOT
from core.mail import Mail
from gateway.inbound.content import split
from gateway.inbound.parse import parse

CORPUS = ROOT.parent / "shared" / "corpus"

NO_EXPECTATION = {
    "lhost-mimecast-01": "a delivery report that the authors of the expectations do not read",
    "lhost-mimecast-02": "a delivery report that the authors of the expectations do not read",
    "lhost-x1-03": "a delivery report that the authors of the expectations do not read",
    "lhost-x1-04": "a delivery report that the authors of the expectations do not read",
}
"""Files whose empty list of failures does not say that they are ordinary mail."""


@dataclass(slots=True)
class Figure:
    """One line of the table: so many right of so many, and the least share that is asked for."""

    name: str
    bound: float
    right: int = 0
    total: int = 0
    misses: list[str] = field(default_factory=list)

    def count(self, right: bool, miss: str) -> None:
        self.total += 1
        self.right += right
        if not right:
            self.misses.append(miss)

    @property
    def share(self) -> float:
        return self.right / self.total if self.total else 1.0

    @property
    def holds(self) -> bool:
        return self.share >= self.bound

    def __str__(self) -> str:
        return f"| {self.name} | {self.right} of {self.total} | {self.share:.1%} | {self.bound:.0%} | {'yes' if self.holds else 'NO'} |"


def main(arguments: list[str] | None = None) -> int:
    """Print the table and the misses; 1 if a bound is missed."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--corpus", type=Path, default=CORPUS)
    asked.add_argument("--mix", type=Path)
    asked.add_argument("--quiet", action="store_true", help="without the misses")
    given = asked.parse_args(arguments)
    figures = measure(given.corpus, given.mix)
    print("| corpus | right | share | bound | holds |\n|---|---|---|---|---|")
    for figure in figures:
        print(figure)
    for figure in () if given.quiet else figures:
        for miss in figure.misses:
            print(f"{figure.name}: {miss}")
    return 0 if all(figure.holds for figure in figures) else 1


def measure(corpus: Path, mix: Path | None = None) -> list[Figure]:
    """All figures of the corpora that are there."""
    figures = [figure for name, part in PARTS.items() if (corpus / name).is_dir() for figure in part(corpus / name)]
    return [*figures, ordinary(corpus, mix)]


def expected(path: Path) -> Any:
    return json.loads(path.with_suffix(".json").read_text("utf-8"))


# ---------------------------------------------------------------- mime


def mime(folder: Path) -> Iterator[Figure]:
    """Against the expectations of another parser's authors; mails without any must only be read."""
    figures = [Figure(f"mime: {name}", 0.98) for name in ("subject", "addresses", "message id", "attachment names")]
    read = Figure("mime: read at all", 1.0)
    for path in sorted(folder.glob("*.eml")):
        found = parse(path.read_bytes())
        read.count(bool(found.headers or found.text or found.attachments), path.stem)
        if path.with_suffix(".json").exists():
            wanted = expected(path)
            named = [name for name in wanted["attachments"] if name]
            names = [one.name for one in found.attachments if not one.within]
            pairs = (
                (same_text(found.subject, wanted["subject"] or ""), found.subject),
                ([[one.address for one in listed] for listed in (found.from_, found.to, found.cc)] == [wanted["from"], wanted["to"], wanted["cc"]], "addresses"),
                (found.message_id == (wanted["message_id"] or ""), found.message_id),
                (all(any(same_name(got, name) for got in names) for name in named), names),
            )
            for figure, (right, got) in zip(figures, pairs, strict=True):
                figure.count(right, f"{path.stem}: {got!r}"[:300])
    yield from (*figures, read)


def same_text(got: str, wanted: str) -> bool:
    """Equal; where the expectation could not read a character it may be any."""
    return len(got) == len(wanted) and all(one == other or other == "\ufffd" for one, other in zip(got, wanted, strict=True))


def same_name(got: str, wanted: str) -> bool:
    """Equal but for the folders of the sender's own disk, which no safe name keeps."""
    return same_text(got, wanted) or (len(got) > 4 and any(mark in wanted for mark in "/\\:") and wanted.endswith(got))


# ---------------------------------------------------------------- bounces


def bounces(folder: Path) -> Iterator[Figure]:
    """Recognised, recipients, hard or soft, and the id of the returned mail."""
    seen, recipient = Figure("bounces: recognised", 0.97), Figure("bounces: recipients", 0.95)
    hard, ids = Figure("bounces: hard or soft", 0.90), Figure("bounces: id of the returned mail", 0.97)
    for path in sorted(folder.glob("*.eml")):
        failures = [one for one in expected(path) if one["reason"] != "feedback"]
        if not failures:
            continue
        report = parse(path.read_bytes()).report
        named = {one.address.lower(): one for one in reversed(report.recipients)} if report else {}
        seen.count(bool(named), path.stem)
        wanted = {one["recipient"].lower() for one in failures}
        recipient.count(wanted <= named.keys(), f"{path.stem}: {sorted(named)} instead of {sorted(wanted)}")
        for one in failures:
            found = named.get(one["recipient"].lower()) or next(iter(named.values()), None)
            right = found is not None and bool(found.hard) is bool(one["hardbounce"])
            hard.count(right, f"{path.stem}: {one['reason']} was read as {found.reason if found else 'nothing'} ({found.words[:80] if found else ''})")
        wanted_ids = {one["messageid"] for one in failures} - {""}
        if wanted_ids:
            got = report.original_message_id if report else ""
            ids.count(got in wanted_ids, f"{path.stem}: {got} instead of {sorted(wanted_ids)}")
    yield from (seen, recipient, hard, ids, feedback(folder))


def feedback(folder: Path) -> Figure:
    """Complaints in the standard's form (RFC 5965) are read as such, and as no failure."""
    figure = Figure("bounces: complaints", 0.97)
    for path in sorted(folder.glob("*.eml")):
        if any(one["reason"] == "feedback" for one in expected(path)):
            raw = path.read_bytes()
            if b"message/feedback-report" not in raw:
                continue  # an unsubscription, or a provider's own notice
            mail = parse(raw)
            figure.count(mail.feedback is not None and bool(mail.feedback.complaint) and not _is_failure(mail), path.stem)
    return figure


def ordinary(corpus: Path, mix: Path | None) -> Figure:
    """Mails that are no delivery reports: none may be taken for one."""
    figure = Figure("ordinary mail taken for what it is", 1.0)
    for path in sorted((corpus / "bounces").glob("*.eml")):
        if not expected(path) and path.stem not in NO_EXPECTATION:
            figure.count(not _is_failure(parse(path.read_bytes())), path.stem)
    for path in (*sorted((corpus / "mime").glob("*.eml")), *(sorted(mix.glob("*.eml")) if mix is not None else ())):
        raw = path.read_bytes()
        if b"report-type=" not in raw[:8_000].lower():
            figure.count(not _is_failure(parse(raw)), path.stem)
    for path in sorted([*(corpus / "replies").glob("*.emails.txt"), *(corpus / "forwards").glob("*_body*.txt")]):
        figure.count(not _is_failure(parse(as_mail("Re: a question", path.read_text("utf-8")))), path.stem)
    return figure


def _is_failure(mail: Mail) -> bool:
    return mail.report is not None and any(one.action == "failed" for one in mail.report.recipients)


# ---------------------------------------------------------------- texts


def replies(folder: Path) -> Iterator[Figure]:
    """The new text is the golden one, white space apart."""
    figure = Figure("replies: new text", 0.95)
    for path in sorted(folder.glob("*.emails.txt")):
        golden = path.with_name(path.name.replace(".emails.", ".trimmed.")).read_text("utf-8")
        figure.count(split(path.read_text("utf-8"))[0].split() == golden.split(), path.stem)
    yield figure


def forwards(folder: Path) -> Iterator[Figure]:
    """The original's author and its subject. Files named `variant_4` are answers, not forwards."""
    figure = Figure("forwards: author and subject", 0.95)
    for path in sorted(folder.glob("*_body*.txt")):
        if "variant_4" in path.stem:
            continue
        found = parse(as_mail(_subject_of(path), path.read_text("utf-8"))).forwarded
        author = found.from_ if found is not None else None
        named = author is not None and (author.address == "john.doe@acme.com" or author.name == "John Doe")
        right = named and found is not None and "Integer consequat non purus" in found.subject
        figure.count(right, f"{path.stem}: {author} {found.subject if found else ''}")
    yield figure


def _subject_of(path: Path) -> str:
    """The subject that came with a body, else one that any forward may have."""
    beside = path.with_name(path.name.replace("_body", "_subject"))
    return beside.read_text("utf-8").strip() if beside.exists() else "Fwd: Integer consequat non purus"


def as_mail(subject: str, text: str) -> bytes:
    """A text as a mail."""
    header = f"From: bessie.berry@acme.com\r\nTo: help@desk.example\r\nSubject: {subject}\r\nMessage-ID: <f@acme.com>\r\nMIME-Version: 1.0\r\n"
    return (header + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n").encode() + text.encode()


def tnef(folder: Path) -> Iterator[Figure]:
    """Each container is opened, or kept whole."""
    kept, opened = Figure("tnef: kept", 1.0), Figure("tnef: opened", 0.90)
    for path in sorted(folder.glob("*.tnef")):
        content = base64.encodebytes(path.read_bytes()).replace(b"\n", b"\r\n")
        mail = parse(
            b"From: a@acme.com\r\nMIME-Version: 1.0\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" + content
        )
        kept.count(any(one.content_type == "application/ms-tnef" for one in mail.attachments), path.stem)
        opened.count(any(one.within for one in mail.attachments) or bool(mail.text.strip()), path.stem)
    yield from (kept, opened)


PARTS: dict[str, Callable[[Path], Iterator[Figure]]] = {"mime": mime, "bounces": bounces, "replies": replies, "forwards": forwards, "tnef": tnef}
"""Folder of the corpus → what is measured in it."""


if __name__ == "__main__":
    sys.exit(main())
