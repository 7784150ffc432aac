"""What mail programs write around an answer in seven languages, as they write it; and first mails that only look like answers."""

from __future__ import annotations

import pytest

from gateway.inbound.content import split

NB, NN, RLM, LRM, BOM = "\u00a0", "\u202f", "\u200f", "\u200e", "\ufeff"
NEW = {
    "en": "Thanks, that did it.\n\nThe second machine still fails, see above.",
    "fr": "Merci, c'est réparé.\n\nLa deuxième machine ne marche toujours pas.",
    "de": "Danke, das hat geholfen.\n\nDer zweite Rechner geht noch nicht.",
    "es": "Gracias, ya funciona.\n\nLa segunda máquina sigue fallando.",
    "it": "Grazie, adesso funziona.\n\nLa seconda macchina non va ancora.",
    "nl": "Bedankt, dat werkt.\n\nDe tweede machine doet het nog niet.",
    "pt": "Obrigado, já funciona.\n\nA segunda máquina ainda falha.",
}
RULE = "________________________________"
QUOTED = "> Good morning,\n>\n> does it work?\n>\n> Sam"
PLAIN = "Good morning,\n\ndoes it work?\n\nSam"
ANSWERS = {
    # ---- Gmail, web
    "en gmail": f"On Tue, Mar 3, 2026 at 9:05 AM Sam Desk <desk@house.example> wrote:\n\n{QUOTED}",
    "en gmail narrow space": f"On Tue, Mar 3, 2026 at 9:05{NN}AM Sam Desk <desk@house.example> wrote:\n\n{QUOTED}",
    "en gmail wrapped": f"On Tue, Mar 3, 2026 at 9:05 AM Sam from the First Line Desk of the House <\nservice-desk-of-the-house@house.example> wrote:\n\n{QUOTED}",
    "en gmail via list": f"On Tue, Mar 3, 2026 at 9:05 AM 'Sam' via Desk <desk@house.example> wrote:\n{QUOTED}\n\n-- \nYou received this message because you are "
    "subscribed to the group.",
    "fr gmail": f"Le mar. 3 mars 2026 à 09:05, Sam Desk <desk@house.example> a écrit{NB}:\n\n{QUOTED}",
    "fr gmail wrapped": f"Le mar. 3 mars 2026 à 09:05, Sam du service des imprimantes de la maison <\ndesk@house.example> a écrit{NB}:\n\n{QUOTED}",
    "fr gmail verb alone": f"Le mar. 3 mars 2026 à 09:05, Sam du service <desk@house.example>\na écrit{NN}:\n\n{QUOTED}",
    "de gmail": f"Am Di., 3. März 2026 um 09:05 Uhr schrieb Sam Desk <desk@house.example>:\n\n{QUOTED}",
    "de gmail wrapped": f"Am Di., 3. März 2026 um 09:05 Uhr schrieb Sam vom Kundendienst <\ndesk@house.example>:\n\n{QUOTED}",
    "es gmail": f"El mar, 3 mar 2026 a las 9:05, Sam Desk (<desk@house.example>) escribió:\n\n{QUOTED}",
    "es gmail wrapped": f"El mar, 3 mar 2026 a las 9:05, Sam del servicio de atención (<\ndesk@house.example>) escribió:\n\n{QUOTED}",
    "it gmail": f"Il giorno mar 3 mar 2026 alle ore 09:05 Sam Desk <desk@house.example> ha\nscritto:\n\n{QUOTED}",
    "nl gmail": f"Op di 3 mrt 2026 om 09:05 schreef Sam Desk <desk@house.example>:\n\n{QUOTED}",
    "pt gmail": f"Sam Desk <desk@house.example> escreveu (terça, 3/03/2026 à(s) 09:05):\n\n{QUOTED}",
    "pt gmail brazil": f"Em ter., 3 de mar. de 2026 às 09:05, Sam Desk <desk@house.example>\nescreveu:\n\n{QUOTED}",
    # ---- Apple Mail, iOS
    "en apple": f"On 3 Mar 2026, at 09:05, Sam Desk <desk@house.example> wrote:\n\n{PLAIN}",
    "en iphone": f"Sent from my iPhone\n\n> On Mar 3, 2026, at 9:05{NN}AM, Sam Desk <desk@house.example> wrote:\n> \n> {BOM}Good morning,\n> \n> does it work?",
    "fr apple": f"Le 3 mars 2026 à 09:05, Sam Desk <desk@house.example> a écrit{NB}:\n\n{QUOTED}",
    "fr iphone": f"Envoyé de mon iPhone\n\n> Le 3 mars 2026 à 09:05, Sam Desk <desk@house.example> a écrit :\n> \n> {BOM}Bonjour,",
    "fr ipad": f"Envoyé de mon iPad\n\n> Le 3 mars 2026 à 09:05, Sam Desk <desk@house.example> a écrit{NB}:\n> \n> Bonjour,",
    "de apple": f"Am 03.03.2026 um 09:05 schrieb Sam Desk <desk@house.example>:\n\n{QUOTED}",
    "de iphone": f"Von meinem iPhone gesendet\n\n> Am 03.03.2026 um 09:05 schrieb Sam Desk <desk@house.example>:\n> \n> {BOM}Guten Morgen,",
    "es apple": f"El 3 mar 2026, a las 9:05, Sam Desk <desk@house.example> escribió:\n\n{QUOTED}",
    "es iphone": "Enviado desde mi iPhone\n\n> El 3 mar 2026, a las 9:05, Sam Desk <desk@house.example> escribió:\n> \n> Buenos días,",
    "it apple": f"Il giorno 3 mar 2026, alle ore 09:05, Sam Desk <desk@house.example> ha scritto:\n\n{QUOTED}",
    "it iphone": "Inviato da iPhone\n\n> Il giorno 3 mar 2026, alle ore 09:05, Sam Desk <desk@house.example> ha scritto:\n> \n> Buongiorno,",
    "nl apple": f"Op 3 mrt 2026, om 09:05 heeft Sam Desk <desk@house.example> het volgende geschreven:\n\n{QUOTED}",
    "nl iphone": "Verstuurd vanaf mijn iPhone\n\n> Op 3 mrt 2026 om 09:05 heeft Sam Desk <desk@house.example> het volgende geschreven:\n> \n> Goedemorgen,",
    "pt apple": f"No dia 3 de mar. de 2026, às 09:05, Sam Desk <desk@house.example> escreveu:\n\n{QUOTED}",
    "pt iphone": "Enviado do meu iPhone\n\n> Em 3 de mar. de 2026, à(s) 09:05, Sam Desk <desk@house.example> escreveu:\n> \n> Bom dia,",
    # ---- Thunderbird
    "en thunderbird": f"On 03/03/2026 09:05, Sam Desk wrote:\n{QUOTED}",
    "fr thunderbird": f"Le 03/03/2026 à 09:05, Sam Desk a écrit{NB}:\n{QUOTED}",
    "de thunderbird": f"Am 03.03.26 um 09:05 schrieb Sam Desk:\n{QUOTED}",
    "es thunderbird": f"El 3/3/26 a las 9:05, Sam Desk escribió:\n{QUOTED}",
    "it thunderbird": f"Il 03/03/26 09:05, Sam Desk ha scritto:\n{QUOTED}",
    "nl thunderbird": f"Op 03-03-2026 om 09:05 schreef Sam Desk:\n{QUOTED}",
    "pt thunderbird": f"Em 03/03/2026 09:05, Sam Desk escreveu:\n{QUOTED}",
    # ---- Outlook, desktop
    "en outlook": f"From: Sam Desk <desk@house.example>\nSent: Tuesday, March 3, 2026 9:05 AM\nTo: Ann Client <ann@acme.example>\nSubject: RE: printer\n\n{PLAIN}",
    "fr outlook": f"De{NB}: Sam Desk <desk@house.example>\nEnvoyé{NB}: mardi 3 mars 2026 09:05\nÀ{NB}: Ann <ann@acme.example>\nObjet{NB}: RE: imprimante\n\n{PLAIN}",
    "fr outlook importance": f"De : Sam Desk\nEnvoyé : mardi 3 mars 2026 09:05\nÀ : Ann Client\nCc : Bob\nObjet : imprimante\nImportance : Haute\n\n{PLAIN}",
    "de outlook": f"Von: Sam Desk <desk@house.example>\nGesendet: Dienstag, 3. März 2026 09:05\nAn: Ann <ann@acme.example>\nBetreff: AW: Drucker\n\n{PLAIN}",
    "es outlook": f"De: Sam Desk <desk@house.example>\nEnviado el: martes, 3 de marzo de 2026 9:05\nPara: Ann <ann@acme.example>\nAsunto: RE: impresora\n\n{PLAIN}",
    "it outlook": f"Da: Sam Desk <desk@house.example>\nInviato: martedì 3 marzo 2026 09:05\nA: Ann <ann@acme.example>\nOggetto: R: stampante\n\n{PLAIN}",
    "nl outlook": f"Van: Sam Desk <desk@house.example>\nVerzonden: dinsdag 3 maart 2026 09:05\nAan: Ann <ann@acme.example>\nOnderwerp: RE: printer\n\n{PLAIN}",
    "pt outlook": f"De: Sam Desk <desk@house.example>\nEnviada em: terça-feira, 3 de março de 2026 09:05\nPara: Ann <ann@acme.example>\nAssunto: RES: x\n\n{PLAIN}",
    "en outlook old": f"-----Original Message-----\nFrom: Sam Desk [mailto:desk@house.example]\nSent: 03 March 2026 09:05\nTo: Ann Client\nSubject: printer\n\n{PLAIN}",
    "fr outlook old": f"-----Message d’origine-----\nDe{NB}: Sam Desk [mailto:desk@house.example]\nEnvoyé{NB}: mardi 3 mars 2026 09:05\nÀ{NB}: Ann\n"
    f"Objet{NB}: x\n\n{PLAIN}",
    "de outlook old": f"-----Ursprüngliche Nachricht-----\nVon: Sam Desk\nGesendet: Dienstag, 3. März 2026 09:05\nAn: Ann\nBetreff: x\n\n{PLAIN}",
    "es outlook old": f"-----Mensaje original-----\nDe: Sam Desk\nEnviado el: martes, 3 de marzo de 2026 9:05\nPara: Ann\nAsunto: x\n\n{PLAIN}",
    "it outlook old": f"-----Messaggio originale-----\nDa: Sam Desk\nInviato: martedì 3 marzo 2026 09:05\nA: Ann\nOggetto: x\n\n{PLAIN}",
    "nl outlook old": f"-----Oorspronkelijk bericht-----\nVan: Sam Desk\nVerzonden: dinsdag 3 maart 2026 09:05\nAan: Ann\nOnderwerp: x\n\n{PLAIN}",
    "pt outlook old": f"-----Mensagem original-----\nDe: Sam Desk\nEnviada em: terça-feira, 3 de março de 2026 09:05\nPara: Ann\nAssunto: x\n\n{PLAIN}",
    # ---- Outlook on the web, and on phones
    "en outlook web": f"{RULE}\nFrom: Sam Desk <desk@house.example>\nSent: Tuesday, March 3, 2026 9:05:11 AM\nTo: Ann Client\nSubject: Re: printer\n\n{PLAIN}",
    "fr outlook web": f"{RULE}\nDe : Sam Desk <desk@house.example>\nEnvoyé : mardi 3 mars 2026 09:05:11\nÀ : Ann Client\nObjet : Re: x\n\n{PLAIN}",
    "en outlook ios": f"Get Outlook for iOS<https://aka.example/o>\n{RULE}\nFrom: Sam Desk <desk@house.example>\nSent: Tuesday\nTo: Ann\nSubject: x\n\n{PLAIN}",
    "fr outlook android": f"Obtenir Outlook pour Android<https://aka.example/o>\n{RULE}\nDe : Sam <desk@house.example>\nEnvoyé : mardi\nÀ : Ann\nObjet : x\n\n{PLAIN}",
    "de outlook ios": f"Outlook für iOS<https://aka.example/o> beziehen\n{RULE}\nVon: Sam <desk@house.example>\nGesendet: Dienstag\nAn: Ann\nBetreff: x\n\n{PLAIN}",
    "es outlook ios": f"Obtener Outlook para iOS<https://aka.example/o>\n{RULE}\nDe: Sam <desk@house.example>\nEnviado: martes\nPara: Ann\nAsunto: x\n\n{PLAIN}",
    "it outlook ios": f"Ottieni Outlook per iOS<https://aka.example/o>\n{RULE}\nDa: Sam <desk@house.example>\nInviato: martedì\nA: Ann\nOggetto: x\n\n{PLAIN}",
    "nl outlook ios": f"Outlook voor iOS<https://aka.example/o> downloaden\n{RULE}\nVan: Sam <desk@house.example>\nVerzonden: dinsdag\nAan: Ann\n"
    f"Onderwerp: x\n\n{PLAIN}",
    "pt outlook android": f"Obter o Outlook para Android<https://aka.example/o>\n{RULE}\nDe: Sam <desk@house.example>\nEnviado: terça\nPara: Ann\n"
    f"Assunto: x\n\n{PLAIN}",
    "en outlook bold": f"*From:* Sam Desk <desk@house.example>\n*Sent:* Tuesday, March 3, 2026 9:05 AM\n*To:* Ann\n*Subject:* x\n\n{PLAIN}",
    "en outlook mac": f'{BOM}On 03/03/2026, 09:05, "Sam Desk" <desk@house.example> wrote:\n\n    Good morning,\n\n    does it work?',
    "en outlook wrapped list": f"From: Sam Desk <desk@house.example>\nSent: Tuesday, March 3, 2026 9:05 AM\nTo: Ann Client <ann@acme.example>;\n"
    " Bob Client <bob@acme.example>;\n"
    f" Eve Client <eve@acme.example>\nSubject: x\n\n{PLAIN}",
    # ---- Yahoo
    "en yahoo": f"   On Tuesday, March 3, 2026 at 09:05:11 AM GMT+1, Sam Desk <desk@house.example> wrote:  \n \n {PLAIN}",
    "fr yahoo": f"    Le mardi 3 mars 2026 à 09:05:11 UTC+1, Sam Desk <desk@house.example> a écrit :  \n \n {PLAIN}",
    "de yahoo": f"    Am Dienstag, 3. März 2026, 09:05:11 MEZ hat Sam Desk <desk@house.example> Folgendes geschrieben:  \n \n {PLAIN}",
    "es yahoo": f"    El martes, 3 de marzo de 2026, 09:05:11 CET, Sam Desk <desk@house.example> escribió:  \n \n {PLAIN}",
    "it yahoo": f"    Il martedì 3 marzo 2026 alle ore 09:05:11 CET, Sam Desk <desk@house.example> ha scritto:  \n \n {PLAIN}",
    "nl yahoo": f"    Op dinsdag 3 maart 2026 om 09:05:11 CET schreef Sam Desk <desk@house.example>:  \n \n {PLAIN}",
    "pt yahoo": f"    Em terça-feira, 3 de março de 2026 09:05:11 WET, Sam Desk <desk@house.example> escreveu:  \n \n {PLAIN}",
    # ---- Android
    "en galaxy": f"Sent from my Galaxy\n\n\n-------- Original message --------\nFrom: Sam Desk <desk@house.example> \n"
    f"Date: 3/3/26  9:05 AM  (GMT+01:00) \nTo: Ann \nSubject: x \n\n{PLAIN}",
    "fr galaxy": f"Envoyé depuis mon appareil Galaxy\n\n-------- Message d'origine --------\nDe : Sam <desk@house.example> \n"
    f"Date : 03/03/2026  09:05  (GMT+01:00) \nÀ : Ann \n\n{PLAIN}",
    "de galaxy": f"Von meinem Galaxy gesendet\n\n-------- Ursprüngliche Nachricht --------\nVon: Sam <desk@house.example> \n"
    f"Datum: 03.03.26  09:05  (GMT+01:00) \nAn: Ann \n\n{PLAIN}",
    "es android": "Enviado desde mi Samsung Galaxy\n\n-------- Mensaje original --------\nDe: Sam <desk@house.example> \nFecha: 3/3/26 9:05 \n"
    "Para: Ann \nAsunto: x \n\nHola",
    "fr orange": f"Envoyé depuis l'application Mail Orange\n\n----------------------------------------\nDe : Sam <desk@house.example>\n"
    f"Envoyé : mardi 3 mars 2026 09:05\nÀ : Ann\nObjet : x\n\n{PLAIN}",
    # ---- Lotus Notes, Zimbra, Roundcube, Proton, GMX
    "en notes": "From:\tSam Desk/House\nTo:\tAnn Client/Acme@Acme\nDate:\t03/03/2026 09:05 AM\nSubject:\tRe: printer\n\n\n\nGood morning,",
    "en notes wrote on": f"Sam Desk/House wrote on 03/03/2026 09:05:11 AM:\n\n{QUOTED}",
    "fr notes": "De :\tSam Desk/House\nA :\tAnn Client/Acme@Acme\nDate :\t03/03/2026 09:05\nObjet :\tRe: imprimante\n\n\nBonjour,",
    "de notes": "Von:\tSam Desk/House\nAn:\tAnn Client/Acme@Acme\nDatum:\t03.03.2026 09:05\nBetreff:\tRe: Drucker\n\n\nGuten Morgen,",
    "en zimbra": '----- Original Message -----\nFrom: "Sam Desk" <desk@house.example>\nTo: "ann" <ann@acme.example>\n'
    "Sent: Tuesday, March 3, 2026 9:05:11 AM\nSubject: x\n\nHi",
    "fr zimbra": '----- Mail original -----\nDe: "Sam Desk" <desk@house.example>\nÀ: "ann" <ann@acme.example>\nEnvoyé: Mardi 3 Mars 2026 09:05:11\nObjet: x\n\nBonjour',
    "de zimbra": '----- Ursprüngliche Mail -----\nVon: "Sam Desk" <desk@house.example>\nAn: "ann" <ann@acme.example>\n'
    "Gesendet: Dienstag, 3. März 2026 09:05:11\nBetreff: x\n\nHallo",
    "fr zimbra new": 'De: "Sam Desk" <desk@house.example>\nÀ: "ann" <ann@acme.example>\nEnvoyé: Mardi 3 Mars 2026 09:05:11\nObjet: x\n\nBonjour',
    "en roundcube": f"On 2026-03-03 09:05, Sam Desk wrote:\n\n{QUOTED}",
    "fr roundcube": f"Le 2026-03-03 09:05, Sam Desk a écrit :\n\n{QUOTED}",
    "de roundcube": f"Am 03.03.2026 09:05, schrieb Sam Desk:\n\n{QUOTED}",
    "es roundcube": f"El 2026-03-03 09:05, Sam Desk escribió:\n\n{QUOTED}",
    "it roundcube": f"Il 03-03-2026 09:05 Sam Desk ha scritto:\n\n{QUOTED}",
    "nl roundcube": f"Sam Desk schreef op 2026-03-03 09:05:\n\n{QUOTED}",
    "pt roundcube": f"Em 2026-03-03 09:05, Sam Desk escreveu:\n\n{QUOTED}",
    "en proton": f"Sent with [Proton Mail](https://proton.example/) secure email.\n\n"
    f"On Tuesday, March 3rd, 2026 at 9:05 AM, Sam Desk <desk@house.example> wrote:\n\n{QUOTED}",
    "fr proton": f"Envoyé avec la messagerie sécurisée Proton Mail.\n\nLe mardi 3 mars 2026 à 09:05, Sam Desk <desk@house.example> a écrit :\n\n{QUOTED}",
    "de gmx": f'Gesendet: Dienstag, 03. März 2026 um 09:05 Uhr\nVon: "Sam Desk" <desk@house.example>\nAn: ann@acme.example\nBetreff: Drucker\n\n{PLAIN}',
    "de gmx app": f"-- \nDiese Nachricht wurde von meinem Android Mobiltelefon mit GMX Mail gesendet.\n\n"
    f"Am 03.03.26, 09:05 schrieb Sam Desk <desk@house.example>:\n\n{QUOTED}",
    "de webde": f"Gesendet mit der mobilen Mail App\n\nAm 03.03.26 um 09:05 schrieb Sam Desk\n\n{QUOTED}",
    # ---- other marks of quotation, and what comes below
    "en bars": "On 3 Mar 2026 at 09:05, Sam Desk wrote:\n| Good morning,\n| does it work?",
    "en initials": "On 3 Mar 2026 at 09:05, Sam Desk wrote:\nSD> Good morning,\nSD> does it work?",
    "en right to left marks": f"{RLM}On Tue, 3 Mar 2026 at 9:05, {LRM}Sam Desk{LRM}{RLM} <desk@house.example> wrote:{RLM}\n\n{QUOTED}",
    "en mailman": f"On 3 Mar 2026 09:05, Sam Desk wrote:\n{QUOTED}\n{'_' * 47}\nDesk mailing list\nDesk@lists.example\nhttps://lists.example/listinfo/desk",
    "fr disclaimer": f"Le 03/03/2026 à 09:05, Sam a écrit :\n{QUOTED}\n\n"
    "Ce message et ses pièces jointes peuvent contenir des informations confidentielles.\nMerci de le détruire.",
    "de disclaimer": f"Am 03.03.26 um 09:05 schrieb Sam:\n{QUOTED}\n\nDiese E-Mail enthält vertrauliche Informationen.\nBitte löschen Sie sie.",
    "es disclaimer": f"El 3/3/26 a las 9:05, Sam escribió:\n{QUOTED}\n\nEste mensaje y sus archivos adjuntos son confidenciales.",
    "it disclaimer": f"Il 03/03/26 09:05, Sam ha scritto:\n{QUOTED}\n\nQuesto messaggio e i suoi allegati sono riservati.",
    "nl disclaimer": f"Op 03-03-2026 om 09:05 schreef Sam:\n{QUOTED}\n\nDit bericht en eventuele bijlagen zijn vertrouwelijk.",
    "pt disclaimer": f"Em 03/03/2026 09:05, Sam escreveu:\n{QUOTED}\n\nEsta mensagem e seus anexos são confidenciais.",
    "en signature": f"-- \nAnn Client\nAcme Ltd\n+1 555 0100\n\nOn Tue, Mar 3, 2026 at 9:05 AM Sam <desk@house.example> wrote:\n\n{QUOTED}",
    "fr service desk": "## Merci de répondre au-dessus de cette ligne ##\n\nVotre demande a été mise à jour.",
    "es service desk": "##- Responda por encima de esta línea -##\n\nSu solicitud fue actualizada.",
    "it service desk": "##- Rispondere al di sopra di questa riga -##\n\nLa sua richiesta è stata aggiornata.",
    "nl service desk": "##- Antwoord boven deze regel -##\n\nUw verzoek is bijgewerkt.",
    "pt service desk": "##- Responda acima desta linha -##\n\nA sua solicitação foi atualizada.",
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("answer", [True, None])
def test_answers(name: str, answer: bool | None) -> None:
    """What the person wrote is new, all that the program added is quoted, and no line is lost."""
    wanted = NEW[name[:2]]
    text = f"{wanted}\n\n{ANSWERS[name]}"
    new, quoted = split(text, answer=answer)
    assert new.rstrip() == wanted
    assert sorted(filter(None, (new + "\n" + quoted).split("\n"))) == sorted(filter(None, text.split("\n")))


def test_there_are_enough() -> None:
    """At least eighty, in all seven languages."""
    assert len(ANSWERS) >= 80
    assert {name[:2] for name in ANSWERS} == set(NEW)


FIRST = {
    "from lines": "Hello,\n\nour form has these fields:\nFrom: Paris\nTo: Lyon\nDate: 3 March 2026\nSubject: transport\n\nIt does not send them.",
    "a log": "The server stops:\n\n2026-03-03 09:05:11 ERROR mailer: From: a@b.example To: c@d.example\nSent: 12 mails\nFrom: queue 3\n\nWhat can I do?",
    "on monday I wrote": "Hello,\n\nOn Monday I wrote:\nthe printer fails.\n\nNobody answered.",
    "on a date I wrote": "Hello,\n\nOn 3 March 2026 I wrote to you:\nthe printer fails.\n\nNobody answered.",
    "le client a écrit": "Bonjour,\n\nLe 3 mars 2026 le client a écrit :\nplus rien ne marche.\n\nQue faire ?",
    "der kunde schrieb": "Hallo,\n\nAm 3. März 2026 schrieb der Kunde:\nnichts geht mehr.\n\nWas tun?",
    "a shell": "It says:\n\n$ cat report.txt\n> total 12\n> failed 3\n\nWhat now?",
    "a shell at the end": "It says:\n\n> total 12\n> failed 3",
    "python": "This fails:\n\n>>> import mail\n>>> mail.send()\nTraceback (most recent call last):\n\nAnn",
    "dashes": "Hello,\n\nplease order:\n\n-----\n12 lamps\n-----\n\n-- \nAnn\nAcme",
    "two dashes": "Version A\n--\nVersion B\n--\nWhich one?\n\nAnn",
    "a pasted mail": "See what he wrote me:\n\nFrom: Bob <bob@x.example>\nSent: Monday\nTo: Ann\nSubject: x\n\nGo away.\n\nWhat shall I do?",
    "an original message": "It says\n\n-----Original Message-----\nabove each answer. Why?",
    "addresses": "Please add these:\n\nAnn <ann@x.example>:\nadmin\n\nBob <bob@x.example>:\nuser",
    "a disclaimer": "The lamp is broken.\n\nThis email and any attachments are confidential.",
    "an outgoing line": "My answer was:\n\n> wrote:\n\nand no more.",
    "diff": "My patch:\n\n-- a\n++ b\n> c\n< d\n",
    "a table": "| day | hours |\n|---|---|\n| Monday | 8 |\n\n| is this right?",
}


@pytest.mark.parametrize("name", FIRST)
def test_first_mails_lose_nothing(name: str) -> None:
    """A mail that answers nothing is new as a whole, whatever stands in it."""
    assert split(FIRST[name], answer=False) == (FIRST[name].strip("\n"), "")


CAREFUL = ["on monday I wrote", "on a date I wrote", "le client a écrit", "der kunde schrieb", "a shell", "python", "addresses", "dashes"]


@pytest.mark.parametrize("name", CAREFUL)
def test_answers_that_tell_of_others_lose_nothing(name: str) -> None:
    """Nor does an answer lose what its author tells or cites in passing."""
    new = split(FIRST[name], answer=True)[0]
    assert new == FIRST[name].partition("\n\n-- \n")[0]


@pytest.mark.parametrize(
    "name", ["en gmail", "fr gmail", "de thunderbird", "es apple", "it iphone", "nl gmail", "pt gmail brazil", "en service desk"]
)
def test_a_program_cannot_be_doubted(name: str) -> None:
    """A dated header above quoted lines, or the line of a service desk, folds what is below it though nothing in the header says answer."""
    drawn = ANSWERS.get(name, "##- Please type your reply above this line -##\n\nYour request was updated.")
    wanted = NEW[name[:2]]
    assert split(f"{wanted}\n\n{drawn}", answer=False)[0].startswith(wanted)
    assert split(f"{wanted}\n\n{drawn}", answer=False)[1]


INLINE = {
    "en": "On 3 Mar 2026, Sam wrote:\n> Is it on?\nYes.\n> Is it red?\nNo.\n\nAnn",
    "fr": f"Le mar. 3 mars 2026 à 09:05, Sam <s@x.example> a écrit{NB}:\n\n> Est-elle allumée ?\n\nOui.\n\n> Est-elle rouge ?\n\nNon.",
    "de": "Am 03.03.26 um 09:05 schrieb Sam:\n> Ist er an?\n\nJa.\n\n> Ist er rot?\n\nNein.\n",
    "es": "El 3/3/26 a las 9:05, Sam escribió:\n> ¿Está encendida?\nSí.\n> ¿Es roja?\nNo.",
    "it": "Il 03/03/26 09:05, Sam ha scritto:\n> È accesa?\nSì.\n> È rossa?\nNo.",
    "nl": "Op 03-03-2026 om 09:05 schreef Sam:\n> Staat hij aan?\nJa.\n> Is hij rood?\nNee.",
    "pt": "Em 03/03/2026 09:05, Sam escreveu:\n> Está ligada?\nSim.\n> É vermelha?\nNão.",
}


@pytest.mark.parametrize("language", INLINE)
def test_answers_between_quoted_lines(language: str) -> None:
    """Only the header is folded: questions stay above their answers."""
    header, _, rest = INLINE[language].partition("\n")
    assert split(INLINE[language], answer=True) == (rest.strip("\n"), header)
