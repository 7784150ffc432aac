"""An item made by hand: a draft with its contacts, submitted at once if so asked; items opened by mails are `core/on_mail.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.contact import added_by_hand
from core.conversation import Conversation
from core.decision import ContactOnItem, Decision, Entry, EntryKind
from core.deeds import Ask
from core.mail import Address
from core.on_person import act, valid_category
from core.recipients import parse_address
from core.refs import reference
from core.refusal import Refused
from core.scene import Scene
from core.setup import Process
from core.status import Reason, Status
from core.wording import clean_line, clean_text
from core.work_item import WorkItem


@dataclass(frozen=True, slots=True)
class NewItem:
    """What a person gives for a new item. `process` is a name; `contacts` are addresses as typed, the primary one first."""

    process: str
    title: str = ""
    description: str = ""
    category: str = ""
    contacts: tuple[str, ...] = ()
    submit: bool = False


def process_for(name: str, scene: Scene) -> Process:
    """The current version of a process, by its name in any case of letters. Raises Refused naming those there are."""
    wanted = clean_line(name)
    found = next((one for one in scene.setup.processes if one.name.casefold() == wanted.casefold()), None)
    if found is None:
        raise Refused(f"There is no process “{wanted}”. Possible: {', '.join(one.name for one in scene.setup.processes) or 'none'}.")
    return found


def make_item(new: NewItem, scene: Scene, *, item_id: str, number: int) -> Decision:
    """A draft of the process with the person as its assignee (A-TK-01, A-CS-02), or submitted where `new.submit` asks for it.

    Raises Refused: no such process or category, a bad address, a case without its short description (A-CS-03), or what submitting lacks.
    """
    process = process_for(new.process, scene)
    people = tuple(parse_address(one) for one in new.contacts)
    item = _draft(new, process, people, scene, item_id, number)
    if item.kind == "case" and not item.title:
        raise Refused("A case needs a short description: its title.")
    contacts: tuple[ContactOnItem, ...] = ()
    for person in people:
        contacts += (added_by_hand(item_id, person, contacts),)
    made = Decision(
        items=(item,),
        entries=(Entry(item_id, scene.now, EntryKind.CREATED, by=scene.by, text="Created by hand.", facts={"started_by": "manual"}),),
        contacts=contacts,
        participants=tuple((item_id, one.key) for one in people if not scene.setup.is_ours(one.address)),
    )
    return made + act(item, "submit", Ask(), scene, Conversation(contacts=contacts)) if new.submit else made


def _draft(new: NewItem, process: Process, people: tuple[Address, ...], scene: Scene, item_id: str, number: int) -> WorkItem:
    company = scene.setup.company(people[0].domain) if people else None
    item = WorkItem(
        id=item_id,
        kind=process.kind,
        number=number,
        ref=reference(process.kind, number),
        title=clean_line(new.title),
        process_id=process.id,
        created_at=scene.now,
        updated_at=scene.now,
        status=Status.DRAFT,
        reason=Reason.NEWLY_CREATED,
        description=clean_text(new.description),
        company=company.name if company is not None else process.customer,
        home_queue=process.queue,
        assignee=scene.by,
        created_by=scene.by,
        updated_by=scene.by,
        connector=_connector(process, scene),
        language=scene.setup.language,
        send_automated_emails=False,  # C-TP-08: off unless somebody asks for it
    )
    return replace(item, category=valid_category(new.category, item, scene))


def _connector(process: Process, scene: Scene) -> str:
    """The connector whose routes lead to the process, else the desk's own: answers leave by it."""
    routed = (route.connector for route in scene.setup.routes if route.process == process.name and route.enabled)
    return next((name for name in routed if name in scene.setup.connector_named), scene.setup.default_connector)
