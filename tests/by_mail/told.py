"""The notifications that the mails of `mails/` answer, as Guichet makes them; how mail programs quote them is `tests/by_mail/make_mails.py`."""

from __future__ import annotations

from dataclasses import dataclass

from core.agent_letters import letter

ADDRESS = "support+a.k7akcerecq8dn4fpkw36a2sthsk.h3k9m2q7w4z1@demo.example"
SENDER = "Carl Customer (Demo desk)"
TOKEN = "ftqz9m6f47brrt0jedm8raf1bd.Zm9vYmFyYmF6cXV4cXV1eGNvcmdl"  # what a signed link bears, of no house


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification: its language, subject, bodies, and the customer's words in it."""

    language: str
    subject: str
    text: str
    html: str
    customer: str

    @property
    def body(self) -> str:
        """What stands inside the body of its HTML."""
        return self.html.partition('<body style="margin:0;padding:16px">')[2].rpartition("</body>")[0]

    @property
    def lines(self) -> list[str]:
        """Its text as programs make one of its HTML, the target of a link behind its words."""
        return [_linked(line) for line in self.text.rstrip("\n").split("\n")]


def _linked(line: str) -> str:
    label, found, url = line.partition(": https://")
    return f"{label} <https://{url}>" if found else line


ENGLISH_WORDS = """Hello,

our printer on the second floor prints only blank pages since this morning.
We changed the toner already.

Can you come today, or should we send it in?

Best regards
Carl Customer"""

FRENCH_WORDS = """Bonjour,

notre imprimante du deuxième étage n’imprime que des pages blanches depuis ce matin.
Nous avons déjà changé le toner.

Pouvez-vous passer aujourd’hui, ou faut-il vous l’envoyer ?

Cordialement
Carl Client"""

_LINKS = "https://desk.demo.example/m/"


def _notice(language: str, customer: str, subject: str, lead: str, heading: str, item: tuple[str, str], links: tuple[str, str], says: str) -> Notice:
    text, html = letter(
        language,
        lead=lead,
        sections=[(heading, customer), item],
        links=[(links[0], _LINKS + TOKEN), (links[1], _LINKS + TOKEN[::-1].replace(".", "", 1) + ".x2")],
        says=says,
    )
    return Notice(language, subject, text, html, customer)


ENGLISH = _notice(
    "en",
    ENGLISH_WORDS,
    "[101203-T] Printer prints blank pages",
    "Carl Customer wrote on 101203-T.",
    "Carl Customer, 30 November 2026, 09:12 (CET)",
    (
        "About 101203-T",
        "Printer prints blank pages\nStatus: In Progress\nProcess: General support\nCustomer: Carl Customer <carl@customer.example>\n"
        "Commands stand in the first lines of your answer; #help alone lists them.",
    ),
    ("Resolve it", "No more mails of this kind"),
    "Your answer goes to the customer (Carl Customer <carl@customer.example>)",
)

FRENCH = _notice(
    "fr",
    FRENCH_WORDS,
    "[101203-T] Imprimante : pages blanches",
    "Carl Client a écrit au sujet de 101203-T.",
    "Carl Client, 30 novembre 2026 à 09:12 (CET)",
    (
        "À propos de 101203-T",
        "Imprimante : pages blanches\nÉtat : En cours\nProcessus : Support général\nClient : Carl Client <carl@client.example>\n"
        "Les commandes s’écrivent dans les premières lignes de votre réponse ; #aide seul en donne la liste.",
    ),
    ("Le résoudre", "Ne plus recevoir ce genre de message"),
    "Votre réponse ira au client (Carl Client <carl@client.example>)",
)

NOTICES = {"en": ENGLISH, "fr": FRENCH}
