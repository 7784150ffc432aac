"""What the pages behind links in mails say, in English and French; when each is said is `gateway/desk_links.py` and `core/mail_undo.py`."""

from __future__ import annotations

from core.refusal import Refused
from core.work_item import WorkItem

LANGUAGES = ("en", "fr")

WORDS: dict[str, tuple[str, str]] = {
    # ------------------------------------------------------------ headings and buttons
    "ask": ("Please confirm", "Merci de confirmer"),
    "done": ("Done", "C’est fait"),
    "not_done": ("Not done", "Ce n’est pas fait"),
    "unknown": ("There is nothing here", "Il n’y a rien ici"),
    "over": ("This link is over", "Ce lien n’est plus valable"),
    "used": ("This was done already", "C’était déjà fait"),
    "undo.button": ("Undo it", "Défaire"),
    "take.button": ("Take it", "Prendre"),
    "resolve.button": ("Resolve it", "Résoudre"),
    "send.button": ("Send it", "Envoyer"),
    "discard.button": ("Do not send it", "Ne pas envoyer"),
    "unsubscribe.button": ("Stop these mails", "Ne plus recevoir ces messages"),
    "subscribe.button": ("Send me these mails", "Recevoir ces messages"),
    "note": ("What solved it (a note that the customer does not see)", "Ce qui l’a résolu (une note que le client ne voit pas)"),
    # ------------------------------------------------------------ around every page
    "nothing_yet": (
        "Nothing has been done yet. If you do not want this, just close the page.",
        "Rien n’est encore fait. Si vous ne le voulez pas, fermez simplement cette page.",
    ),
    "until": ("You can use this link once, until {until}.", "Ce lien s’utilise une fois, jusqu’au {until}."),
    "for": ("For {name}", "Pour {name}"),
    "close": ("You can close this page.", "Vous pouvez fermer cette page."),
    "nothing_changed": ("Nothing was changed.", "Rien n’a été modifié."),
    # ------------------------------------------------------------ what a link would do, and did
    "undo.what": ("Your mail did this: {what}", "Votre message a fait ceci : {what}"),
    "undo.would_cancel": ("The mail “{subject}” to {to} has not left. It will be cancelled.", "Le message « {subject} » pour {to} n’est pas parti. Il sera annulé."),
    "undo.did_cancel": ("The mail “{subject}” to {to} was cancelled. It never left.", "Le message « {subject} » pour {to} a été annulé. Il n’est jamais parti."),
    "undo.would_move": ("{ref} goes back to “{place}”.", "{ref} revient à « {place} »."),
    "undo.did_move": ("{ref} is “{place}” again.", "{ref} est de nouveau « {place} »."),
    "undo.would_restore": ("{ref} will be as it was before your mail.", "{ref} redeviendra comme avant votre message."),
    "undo.did_restore": ("{ref} is as it was before your mail.", "{ref} est de nouveau comme avant votre message."),
    "undo.not_restored": (
        "{ref} itself stays as it is now, for more has happened to it. Look whether it is as it should be.",
        "{ref} lui-même reste tel quel, car il a changé depuis. Vérifiez qu’il est comme il doit être.",
    ),
    "undo.note": ("A note stays on the timeline, with a line that it was undone.", "Une note reste dans l’historique, avec une ligne disant qu’elle est annulée."),
    "undo.others": (
        "A colleague’s scheduled mail had cancelled itself because of yours. It stays cancelled.",
        "Le message programmé d’un collègue s’était annulé à cause du vôtre. Il reste annulé.",
    ),
    "take.would": ("{ref} will be yours.", "{ref} sera à vous."),
    "take.did": ("{ref} is yours.", "{ref} est à vous."),
    "take.from": ("{name} has it now.", "Actuellement, {name} s’en occupe."),
    "take.mine": ("You have {ref} already. There is nothing to do.", "{ref} est déjà à vous. Il n’y a rien à faire."),
    "resolve.would": ("{ref} will be resolved.", "{ref} sera résolu."),
    "resolve.did": ("{ref} is resolved.", "{ref} est résolu."),
    "resolve.would_close": ("{ref} will be closed at once, without a time for feedback.", "{ref} sera clos immédiatement, sans délai de retour."),
    "resolve.did_close": ("{ref} is closed.", "{ref} est clos."),
    "resolve.again": ("It gets the resolution it had before.", "Il reprend la résolution qu’il avait."),
    "resolve.needs_note": (
        "It needs a resolution: nobody has answered or left a note since it was last worked on. Write one here.",
        "Il faut une résolution : personne n’a répondu ni laissé de note depuis la reprise du travail. Écrivez-la ici.",
    ),
    "send.would": ("The mail “{subject}” to {to} was held. It will leave now.", "Le message « {subject} » pour {to} était retenu. Il partira maintenant."),
    "send.did": ("The mail “{subject}” to {to} is on its way.", "Le message « {subject} » pour {to} part maintenant."),
    "discard.would": (
        "The mail “{subject}” to {to} is held. It will be cancelled and never leave.",
        "Le message « {subject} » pour {to} est retenu. Il sera annulé et ne partira jamais.",
    ),
    "discard.did": ("The mail “{subject}” to {to} was cancelled. It never left.", "Le message « {subject} » pour {to} a été annulé. Il n’est jamais parti."),
    "unsubscribe.would": ("You will get no more mails when {occasion}.", "Vous ne recevrez plus de message quand {occasion}."),
    "unsubscribe.did": ("You get no more mails when {occasion}.", "Vous ne recevez plus de message quand {occasion}."),
    "unsubscribe.off": ("You get no mails when {occasion}.", "Vous ne recevez pas de message quand {occasion}."),
    "subscribe.did": ("You get mails again when {occasion}.", "Vous recevez de nouveau un message quand {occasion}."),
    # ------------------------------------------------------------ why not
    "because.unknown": (
        "This address leads nowhere. Open the link from the mail again, whole, without a line break.",
        "Cette adresse ne mène nulle part. Rouvrez le lien depuis le message, en entier, sans retour à la ligne.",
    ),
    "because.over": (
        "It could be used until {until}. Answer the mail with a command instead.",
        "Il était valable jusqu’au {until}. Répondez plutôt au message avec une commande.",
    ),
    "because.used": ("The link was used on {at}. It works once.", "Le lien a servi le {at}. Il ne sert qu’une fois."),
    "because.left_us": ("You are no active user of this desk.", "Vous n’êtes pas un utilisateur actif de ce service."),
    "because.not_seen": ("There is no such item that you may see.", "Il n’y a pas de tel dossier que vous puissiez voir."),
    "because.not_now": (
        "{ref} is “{place}” now, so this is not possible any more.",
        "{ref} est « {place} » maintenant : ce n’est plus possible.",
    ),
    "because.changed": (
        "{ref} has changed since, so this cannot be undone as a whole. Look at it, and set it as it should be.",
        "{ref} a changé depuis : impossible de tout annuler. Regardez-le et remettez-le comme il doit être.",
    ),
    "because.left": (
        "The mail “{subject}” to {to} has left already, so it cannot be taken back. Write to them again to put it right.",
        "Le message « {subject} » pour {to} est déjà parti : on ne peut plus l’annuler. Écrivez de nouveau pour corriger.",
    ),
    "because.sending": (
        "The mail “{subject}” to {to} is being sent at this moment. Look again in a minute.",
        "Le message « {subject} » pour {to} est en cours d’envoi. Regardez dans une minute.",
    ),
    "because.cancelled": (
        "The mail “{subject}” was cancelled and never left.",
        "Le message « {subject} » a été annulé et n’est jamais parti.",
    ),
    "because.let_go": ("The mail “{subject}” to {to} was let go already.", "Le message « {subject} » pour {to} a déjà été libéré."),
    "because.no_mail": ("There is no such mail that you wrote.", "Il n’y a pas de tel message écrit par vous."),
    "because.no_way_back": (
        "{ref} is “{place}”, and from there nothing leads back. A new mail of the customer opens it anew.",
        "{ref} est « {place} » et rien n’en ramène. Un nouveau message du client le rouvrira.",
    ),
    "because.broken": ("What this link should do cannot be read any more.", "Ce que ce lien devait faire ne peut plus être lu."),
    "because.form": (
        "The answer did not come from the button of this page. Open the link from the mail again and press the button.",
        "La réponse ne vient pas du bouton de cette page. Rouvrez le lien depuis le message et appuyez sur le bouton.",
    ),
}
"""Key → English, French. Braces are filled with facts; the pages escape them."""

PLACES: dict[str, tuple[str, str]] = {
    "draft": ("draft", "brouillon"),
    "to_do": ("to do", "à faire"),
    "in_progress": ("in progress", "en cours"),
    "wait": ("waiting", "en attente"),
    "resolved": ("resolved", "résolu"),
    "closed": ("closed", "clos"),
}

OCCASIONS: dict[str, tuple[str, str]] = {
    "assigned": ("something is given to you", "quelque chose vous est confié"),
    "new_information": ("something new comes on what you have", "il y a du nouveau sur ce que vous avez"),
    "failed": ("a mail of yours does not arrive", "un de vos messages n’arrive pas"),
    "at_risk": ("something you have is soon due", "une de vos échéances approche"),
    "overdue": ("something you have is overdue", "une de vos échéances est dépassée"),
    "in_queue": ("something new waits in one of your queues", "quelque chose de nouveau attend dans une de vos files"),
    "digest": ("a day’s news are collected for you", "les nouvelles du jour sont réunies pour vous"),
}
"""Occasion of `core/by_mail.py` → the words after “when”; `digest` is all that is collected."""


class Impossible(Refused):
    """What a link should do is not done. `str()` is the English sentence, `said` the one in a language."""

    def __init__(self, key: str, **facts: str) -> None:
        super().__init__(say("en", f"because.{key}", **facts))
        self.key = key
        self.facts = facts

    def said(self, language: str) -> str:
        """The sentence in a person's language."""
        return say(language, f"because.{self.key}", **self.facts)


def spoken(*wanted: str) -> str:
    """The first of these languages that we speak, else English; `fr-CA` is French."""
    return next((short for one in wanted if (short := one.partition("-")[0].lower()) in LANGUAGES), "en")


def say(language: str, key: str, **facts: str) -> str:
    """One sentence."""
    return _of(WORDS[key], language).format(**facts)


def place_words(item: WorkItem, language: str) -> str:
    """Where an item stands, in words."""
    return _of(PLACES[str(item.status)], language)


def occasion_words(occasion: str, language: str) -> str:
    """What stands after “when”."""
    return _of(OCCASIONS[occasion], language)


def _of(words: tuple[str, str], language: str) -> str:
    found = spoken(language)
    return words[LANGUAGES.index(found)] if found != "fr" else _unbroken(words[1])


def _unbroken(french: str) -> str:
    """No line begins with the sign that French sets apart from its word."""
    return french.replace("« ", "«\u00a0").replace(" »", "\u00a0»").replace(" :", "\u00a0:").replace(" ?", "\u00a0?")
