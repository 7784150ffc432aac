"""How an item may be resolved by hand: the methods as a table (A-TK-15, A-MG-T3); what resolving does is `core/resolving.py`."""

from __future__ import annotations

from dataclasses import dataclass

from core.refusal import Refused
from core.status import ResolutionMethod


@dataclass(frozen=True, slots=True)
class Method:
    """For which kinds of item; `final` closes at once, without a feedback window; `word` asks for a mail or note where the process does."""

    kinds: tuple[str, ...]
    final: bool = False
    word: bool = True


METHODS: dict[ResolutionMethod, Method] = {
    ResolutionMethod.WITH_CUSTOMER_RESPONSE: Method(("ticket", "case")),
    ResolutionMethod.NO_CUSTOMER_RESPONSE: Method(("ticket", "case")),
    ResolutionMethod.REJECTED: Method(("ticket",)),
    ResolutionMethod.REJECTED_AS_SPAM: Method(("ticket",), final=True, word=False),  # A-MG-T3; nobody writes to a spammer
    ResolutionMethod.COMPLETED: Method(("case",)),
}
"""The other methods are set by the system: merged, cancelled, imported (decisions.md, errata)."""

DEFAULT_METHOD = {"ticket": ResolutionMethod.WITH_CUSTOMER_RESPONSE, "case": ResolutionMethod.COMPLETED}


def chosen(kind: str, method: ResolutionMethod | None) -> tuple[ResolutionMethod, Method]:
    """The method asked for, or that of the kind of item. Raises Refused naming those a person may choose."""
    wanted = method or DEFAULT_METHOD[kind]
    found = METHODS.get(wanted)
    if found is None or kind not in found.kinds:
        allowed = ", ".join(str(name) for name, one in METHODS.items() if kind in one.kinds)
        raise Refused(f"A {kind} cannot be resolved by hand as “{wanted}”. Possible: {allowed}.")
    return wanted, found
