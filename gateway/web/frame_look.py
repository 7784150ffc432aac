"""How one mail looks in its frame: our few words in the reader's language, the style, and quotations that fold; who may look and what may load is not said here."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.inbound.html_quotes import FOLD, TAG, VOID

PAGE_STYLE = (
    "html, body { height: 100%; margin: 0 } body { display: flex; flex-direction: column; font: 14px/1.4 sans-serif }"
    " p { margin: 0; padding: .4em 12px; color: #444; background: #f4f4f4; border-bottom: 1px solid #ccc } iframe { flex: 1; width: 100%; border: 0 }"
)
FRAME_STYLE = (
    ":root { color-scheme: light } body { margin: 10px 12px; font: 14px/1.4 sans-serif; overflow-wrap: break-word } img { max-width: 100% }"
    " summary { color: #555; cursor: pointer; margin: .6em 0 }"
)
"""Stands before the mail's own styles, which therefore win."""
_LANGUAGES_READ = 10


@dataclass(frozen=True, slots=True)
class Words:
    """What a page around a mail says of its own, in one language."""

    language: str
    title: str
    frame: str
    quoted: str
    loaded: str
    one_left: str
    many_left: str
    no_html: str

    def remote(self, count: int, *, loaded: bool) -> str:
        """What is said of remote images, '' where there is nothing to say."""
        if loaded:
            return self.loaded
        return "" if not count else self.one_left if count == 1 else self.many_left.format(count=count)


WORDS = {
    "en": Words(
        language="en",
        title="Guichet: one mail",
        frame="The mail as its sender wrote it",
        quoted="Quoted text",
        loaded="Remote images are loaded.",
        one_left="1 remote image is not loaded.",
        many_left="{count} remote images are not loaded.",
        no_html="This mail has no HTML; its text is shown by",
    ),
    "fr": Words(
        language="fr",
        title="Guichet : un message",
        frame="Le message tel que son expéditeur l’a écrit",
        quoted="Texte cité",
        loaded="Les images distantes sont chargées.",
        one_left="1 image distante n’est pas chargée.",
        many_left="{count} images distantes ne sont pas chargées.",
        no_html="Ce message n’a pas de HTML ; son texte se lit par",
    ),
}


def words_for(accepted: str) -> Words:
    """The words of the first language of an Accept-Language header that we speak, else English."""
    wanted = (one.split(";")[0].strip()[:2].lower() for one in accepted.split(",", _LANGUAGES_READ)[:_LANGUAGES_READ])
    return next((WORDS[one] for one in wanted if one in WORDS), WORDS["en"])


def foldable(html: str, words: Words) -> str:
    """Sanitised HTML whose quotations are closed until somebody opens them (E-49); a mail that is nothing but a quotation stays open."""
    if FOLD not in html:
        return html
    first = "<details open>" if html.startswith(FOLD) and html.count(FOLD) == 1 else "<details>"
    opened: list[bool] = []
    out: list[str] = []
    end = 0
    for tag in TAG.finditer(html):
        closing, name, _ = tag.groups()
        out.append(html[end : tag.start()])
        written = tag.group()
        if closing and opened:
            written = "</details>" if opened.pop() else written
        elif not closing and name not in VOID:
            opened.append(written == FOLD)
            written = f"{first}<summary>{words.quoted}</summary>" if opened[-1] else written
        out.append(written)
        end = tag.end()
    return "".join((*out, html[end:]))
