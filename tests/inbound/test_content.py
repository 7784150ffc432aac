"""Splitting new text from quoted text: what mail programs write in French, English and German, and what must be kept whole."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.inbound.content import split
from gateway.inbound.parse import parse
from gateway.routing.forward import is_forward

NB = "\u00a0"
CUT = {
    "gmail en": "Thanks, it works.\n\nOn Mon, Jun 3, 2024 at 10:22 AM Support <support@x.org> wrote:\n\n> Did it work?\n>\n> Bob",
    "gmail en wrapped": "Thanks, it works.\n\nOn Mon, Jun 3, 2024 at 10:22 AM Support Desk of the House <\nsupport@x.org> wrote:\n\n> Did it work?",
    "gmail fr": f"Thanks, it works.\n\nLe lun. 3 juin 2024 à 10:22, Support <support@x.org> a écrit{NB}:\n\n> Question ?",
    "gmail fr wrapped": f"Thanks, it works.\n\nLe lun. 3 juin 2024 à 10:22, Support de la maison <support@x.org>\na écrit{NB}:\n\n> Question ?",
    "gmail fr narrow space": "Thanks, it works.\n\nLe lun. 3 juin 2024 à 10:22, Support <support@x.org> a écrit\u202f:\n\n> Question ?",
    "gmail fr three lines": f"Thanks, it works.\n\nLe lun. 3 juin 2024 à 10:22,\nSupport <support@x.org>\na écrit{NB}:\n> Question ?",
    "apple fr": "Thanks, it works.\n\nEnvoyé de mon iPhone\n\n> Le 3 juin 2024 à 10:22, Support <support@x.org> a écrit :\n> \n> Question ?",
    "apple en": "Thanks, it works.\n\nSent from my iPhone\n\n> On 3 Jun 2024, at 10:22, Support <support@x.org> wrote:\n> \n> Question?",
    "thunderbird fr": "Thanks, it works.\n\nLe 03/06/2024 à 10:22, Support a écrit :\n> Question ?\n>",
    "yahoo fr": "Thanks, it works.\n\n  Le lundi 3 juin 2024 à 10:22:11 UTC+2, Support <support@x.org> a écrit :\n\n Question ?\n\nBob",
    "no Le": "Thanks, it works.\n\nSupport <support@x.org> a écrit :\n\nQuestion ?",
    "bench fr": "Thanks, it works.\n\nLe lundi, le support a écrit :\n> Question ?",
    "bench ja": "Thanks, it works.\n\nサポートさんは書きました:\n> 質問",
    "unquoted en": "Thanks, it works.\n\nOn Mon, 3 Jun 2024 at 10:22, Support <support@x.org> wrote:\n\nDid it work?\n\nBob",
    "outlook en": "Thanks, it works.\n\nFrom: Support <support@x.org>\nSent: Monday, June 3, 2024 10:22 AM\nTo: Ann\nSubject: RE: printer\n\nQuestion?",
    "outlook en bold": "Thanks, it works.\n\n*From:* Support <support@x.org>\n*Sent:* Monday, June 3\n*To:* Ann\n*Subject:* RE: printer\n\nQuestion?",
    "outlook fr": f"Thanks, it works.\n\nDe{NB}: Support <support@x.org>\nEnvoyé{NB}: lundi 3 juin 2024 10:22\nÀ{NB}: Ann\nObjet{NB}: RE: imprimante\n\nBonjour",
    "outlook fr no address": "Thanks, it works.\n\nDe : Support\nEnvoyé : lundi 3 juin 2024 10:22\nÀ : Ann\nCc : Bob\nObjet : imprimante\n\nBonjour",
    "outlook fr rule": "Thanks, it works.\n\n________________________________\nDe : Support <s@x.org>\nEnvoyé : lundi\nÀ : Ann\nObjet : x\n\nBonjour",
    "outlook fr phone": "Thanks, it works.\n\nTélécharger Outlook pour iOS<https://aka.ms/o0>\n________________________________\nDe : S <s@x.org>\n"
    "Envoyé : lundi\nÀ : Ann\nObjet : x\n\nBonjour",
    "outlook de": "Thanks, it works.\n\nVon: Support <support@x.org>\nGesendet: Montag, 3. Juni 2024 10:22\nAn: Ann\nBetreff: AW: Drucker\n\nHallo",
    "original message": "Thanks, it works.\n\n-----Original Message-----\nFrom: Support\nSent: Monday\nTo: Ann\n\nQuestion?",
    "message d'origine": "Thanks, it works.\n\n-----Message d'origine-----\nDe : Support\n\nQuestion ?",
    "message d’origine": "Thanks, it works.\n\n-----Message d’origine-----\nDe : Support\n\nQuestion ?",
    "ursprüngliche": "Thanks, it works.\n\n-----Ursprüngliche Nachricht-----\nVon: Support\n\nFrage?",
    "gmail de": "Thanks, it works.\n\nAm Mo., 3. Juni 2024 um 10:22 Uhr schrieb Support <support@x.org>:\n\n> Frage?",
    "thunderbird de": "Thanks, it works.\n\nAm 03.06.24 um 10:22 schrieb Support:\n> Frage?",
    "unknown language": "Thanks, it works.\n\n3. 6. 2024 v 10:22, Podpora <support@x.org> něco:\n> Otázka",
    "only quotes below": "Thanks, it works.\n\n> Question?\n> Bob\n",
    "signature and quote": "Thanks, it works.\n\n-- \nAnn\nAcme\n\nOn Mon, 3 Jun 2024, Support wrote:\n> Question?",
    "quote and signature": "Thanks, it works.\n\nOn Mon, 3 Jun 2024, Support wrote:\n> Question?\n\n-- \nAnn\nAcme",
    "list footer": "Thanks, it works.\n\nOn Mon, 3 Jun 2024, Support wrote:\n> Question?\n_______________________________________________\nlist\nhttp://l.example",
    "disclaimer": "Thanks, it works.\n\nOn Mon, 3 Jun 2024, Support wrote:\n> Question?\n\nThis email and any attachments are confidential\nand so on.",
    "mention fr": "Thanks, it works.\n\nLe 3 juin 2024, Support a écrit :\n> Question ?\n\nCe message et toutes les pièces jointes sont confidentiels.",
    "marker": "Thanks, it works.\n\n##- Please type your reply above this line -##\n\nYour request 12 was updated.",
    "marker fr": "Thanks, it works.\n\n--- Merci de répondre au-dessus de cette ligne ---\n\nVotre demande 12",
    "phone alone": "Thanks, it works.\n\nSent from my Galaxy",
    "answer below": "On Mon, 3 Jun 2024 at 10:22, Support <support@x.org> wrote:\n> Question?\n> Bob\n\nThanks, it works.",
}
WHOLE = {
    "plain": "Hello,\n\nThe printer is offline.\n\n-- \nAnn\nAcme, 12 rue X",
    "answers between": "> Is it on?\n\nYes.\n\n> Is it red?\n\nNo.",
    "answers between, no blanks": "> Is it on?\nYes.\n> Is it red?\nNo.",
    "quote only": "> Only a quote.",
    "forward gmail": "Please see below.\n\n"
    "---------- Forwarded message ---------\nFrom: Eve <eve@z.org>\nDate: Mon\nSubject: x\nTo: Ann\n\nOn 3 Jun 2024, Bob wrote:\n> deep",
    "forward thunderbird fr": "Voir ci-dessous.\n\n"
    "-------- Message transféré --------\nSujet : \tx\nDate : \tMon\nDe : \tEve <eve@z.org>\nPour : \tAnn\n\nBonjour",
    "forward apple fr": "Voici.\n\nDébut du message transféré :\n\nDe: Eve <eve@z.org>\nObjet: x\nDate: 3 juin 2024\nÀ: Ann\n\nBonjour",
    "forward apple quoted": "> Begin forwarded message:\n>\n> From: Eve <eve@z.org>\n> Subject: x\n>\n> Hello",
    "block on top": "From: Eve <eve@z.org>\nSent: Monday\nTo: Ann\nSubject: x\n\nHello",
    "a sentence that ends with wrote": "I do not know what he wrote:\nit was too long.\n\nAnn",
    "a client wrote": "Le client a écrit :\n« plus rien ne marche »\n\nMerci",
    "a list": "I need:\n- a laptop\n- a mouse\n\nFrom: tomorrow on.",
    "a table": "| a | b |\n| 1 | 2 |",
    "comparison": "a > b\nif x > 3: stop",
    "sent from, in a sentence": "The parcel was lost.\nSent from the warehouse on Monday, it never came.",
    "empty": "",
}


@pytest.mark.parametrize("name", CUT)
def test_quotation_is_folded(name: str) -> None:
    """What was written is new, what a mail program added is quoted."""
    new, quoted = split(CUT[name])
    assert new == "Thanks, it works."
    assert quoted


@pytest.mark.parametrize("name", WHOLE)
def test_kept_whole(name: str) -> None:
    """First mails, answers between quoted lines, forwards and lines that only look like headers lose nothing."""
    new, quoted = split(WHOLE[name])
    assert new == WHOLE[name].strip("\n")
    assert quoted == ""


def test_answers_between_quoted_lines_keep_their_quotes() -> None:
    """Only the reply header goes; quoted lines and answers stay in their order."""
    new, quoted = split("On Mon, 3 Jun 2024, Support wrote:\n> Is it on?\nYes.\n> Is it red?\nNo.")
    assert new == "> Is it on?\nYes.\n> Is it red?\nNo."
    assert quoted == "On Mon, 3 Jun 2024, Support wrote:"


def test_empty_answer() -> None:
    """Nothing but a quotation with its header is an answer that says nothing."""
    assert split("On Mon, 3 Jun 2024, Support <s@x.org> wrote:\n> Question?")[0] == ""


def test_forwarded_by_subject_is_whole() -> None:
    """With a subject that says *forwarded* even an Outlook block stays in the new text."""
    text = CUT["outlook fr"]
    assert split(text, forwarded=True) == (text, "")


@pytest.mark.parametrize(
    ("subject", "forwarded"),
    [
        ("TR : panne", True),
        (f"TR{NB}: panne", True),
        ("Fwd: x", True),
        ("WG: x", True),
        ("Re: Fwd: x", False),
        ("RE : TR : x", False),
        ("Train", False),
    ],
)
def test_forward_subjects(subject: str, forwarded: bool) -> None:
    """A forward is known by its subject in French, English and German; an answer to one is none."""
    assert is_forward(subject) is forwarded


LINES = st.sampled_from(
    """
text
> quoted
>> deep
JD> initials
| barred
On Mon, 3 Jun 2024, X <a@b.c> wrote:
Le 3 juin 2024, X a écrit :
wrote:
2024-06-03 10:22 <a@b.c>
<a@b.c>:
De : X
Envoyé : lundi
À : Y
Objet : z
-----Original Message-----
---------- Forwarded message ----------
reply above this line
Sent from my iPhone
--
________________
disclaimer
a:""".split("\n")
)


@given(st.lists(LINES, max_size=40), st.booleans())
def test_no_line_is_lost(lines: list[str], forwarded: bool) -> None:
    """Whatever comes together, every line with something in it is on one of the two sides, once."""
    new, quoted = split("\n".join(lines), forwarded=forwarded)
    assert sorted(filter(None, (new + "\n" + quoted).split("\n"))) == sorted(filter(None, lines))


@given(st.text(alphabet="On Le\n>:|- wrote@.<>1\u00a0", max_size=400))
def test_any_text_is_split_without_loss(text: str) -> None:
    """Nor is a letter lost of texts that are no lines of mail programs."""
    new, quoted = split(text)
    assert sorted((new + quoted).replace("\n", "")) == sorted(text.replace("\n", ""))


@pytest.mark.parametrize(
    "line",
    ["On x ", "Le Le ", "x:\n", "On x wrote:\n", "> \n", "> x\nwrote:\n", "De : x\n", "\n", "--\n", "a@b.c 2024 ", "disclaimer\n\n", "Sent from x\n"],
)
def test_time_grows_with_length_only(line: str) -> None:
    """Texts on which other splitters hang for minutes cost this one a second or so for 2 MB."""
    began = time.process_time()
    split((line * (2_000_000 // len(line)))[:2_000_000])
    assert time.process_time() - began < 5.0


def test_what_is_beyond_the_lines_looked_at_is_kept() -> None:
    """Of 30,000 lines after a quotation's header the last is quoted like the first."""
    new, quoted = split("Thanks.\n\nOn 3 Jun 2024, X <a@b.c> wrote:\n" + "> q\n" * 30_000 + "> last")
    assert new == "Thanks."
    assert quoted.endswith("> last")


ADVERSARIAL = [
    "On x x x ",
    "Le Le Le ",
    ">>>>",
    "Sent from x\n",
    "From: a@b.c\nTo: x\n",
    "wrote:\n> x\n",
    "-- forwarded message\n",
    "12:12 2024 a@b.c\n",
    "x",
]


@pytest.mark.parametrize("subject", ["Re: x", "x", "Fwd: x"])
@pytest.mark.parametrize("unit", ADVERSARIAL)
def test_a_mail_four_times_as_long(unit: str, subject: str) -> None:
    """Reading a whole mail of repeated words, in long lines or many, costs about four times as much for four times the length."""

    def cost(length: int) -> float:
        raw = f"From: a@b.c\nTo: d@e.f\nSubject: {subject}\n\n{unit * (length // len(unit))}".encode()
        began = time.process_time()
        parse(raw)
        return time.process_time() - began

    small = min(cost(60_000) for _ in range(2))
    assert min(cost(240_000) for _ in range(2)) < 10 * small + 0.05
