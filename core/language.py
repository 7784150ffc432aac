"""In which of our languages a text is written, by counting its small words; nothing is certain, and short texts have no answer."""

from __future__ import annotations

SMALL_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset("the and is are was were have has had not you your we our this that with for from please would could can will it my of to on".split()),
    "fr": frozenset("le la les des est sont nous vous votre notre je ne pas pour avec dans une un et ce cette qui que sur mon ma merci bonjour au du".split()),
    "de": frozenset("der die das und ist sind nicht ich wir sie ihr mit für auf ein eine den dem bitte danke haben kann wird zu von".split()),
    "es": frozenset("el los las una por para con que es son no usted nuestro gracias muy este esta pero como del".split()),
    "it": frozenset("il gli che non per con una sono questo questa grazie come della nel anche ho".split()),
    "nl": frozenset("het een en niet met voor van wij ons zijn heeft bedankt graag dit dat op".split()),
}
"""Words that are common in one language; the ones beyond ours keep such texts from being taken for ours."""

READ = 3_000
"""Characters of a text that are looked at."""
AT_LEAST = 3
"""Small words that must be found."""


def language_of(text: str, among: tuple[str, ...] = ("en", "fr")) -> str:
    """The language with at least twice as many small words as any other, if it is one of `among`; else ''."""
    words = "".join(char if char.isalpha() else " " for char in text[:READ].lower()).split()
    counts = sorted(((sum(word in small for word in words), language) for language, small in SMALL_WORDS.items()), reverse=True)
    (most, best), (second, _) = counts[:2]
    return best if most >= AT_LEAST and most >= 2 * second and best in among else ""
