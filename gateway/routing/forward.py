"""What a subject says of its mail by its first prefix: that it forwards or that it answers; what a forward hands on is read by `gateway/inbound`."""

from __future__ import annotations

FORWARD_PREFIXES = frozenset(
    """fwd fw tr wg rv i enc vs vb vl fs ilt doorst pd redir reenv reenviado encaminhado inoltrato weitergeleitet transf transféré doorgestuurd
    videresend videresendt trs yml továbbítás πρθ הועבר 转发 轉寄 轉發 転送 전달""".split()
)
ANSWER_PREFIXES = frozenset(
    "re aw antw antwort sv r rif ris res resp rép ré réf réponse odp ynt atb bls ad отв ответ απ σχετ השב 回复 回覆 答复 返信 회신".split()
)
_LONGEST_TAG = 40


def is_forward(subject: str) -> bool:
    """Whether the first prefix of a subject is that of a forward (`TR :`, `Fwd:`, `Fwd[2]:`); an answer to a forwarded mail begins with `Re:`."""
    return _first(subject) in FORWARD_PREFIXES


def is_answer(subject: str) -> bool:
    """Whether the first prefix of a subject is that of an answer (`Re:`, `AW:`, `RE[2]:`)."""
    return _first(subject) in ANSWER_PREFIXES


def without_prefixes(subject: str) -> str:
    """The subject without the prefixes of forwards and answers that it begins with."""
    subject = subject.strip()
    for _ in range(20):
        if subject[:1] == "[" and subject.endswith("]") and _first(subject) in FORWARD_PREFIXES:
            subject = subject[1:-1].strip()
        if _first(subject) not in FORWARD_PREFIXES | ANSWER_PREFIXES or subject[:1] == "[":
            break
        subject = subject.replace("：", ":", 1).partition(":")[2].strip()
    return subject


def _first(subject: str) -> str:
    """The prefix without its number and dot, '' for none; a tag in brackets before it (`[EXTERNAL]`, a list's name) is passed over."""
    subject = subject.strip()
    if subject[:1] == "[":
        inside, closed, rest = subject[1 : _LONGEST_TAG + 2].partition("]")
        subject = subject[1:] if ":" in inside or not closed else rest + subject[_LONGEST_TAG + 2 :]
    head, colon, _ = subject.strip()[:40].replace("：", ":").partition(":")
    return head.replace("İ", "i").casefold().partition("[")[0].partition("(")[0].strip(" .\u00a0\u202f") if colon else ""
