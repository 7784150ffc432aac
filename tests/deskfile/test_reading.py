"""Desk files: what is read, what is refused with which sentence, and that writing and reading again gives the same."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.setup import MailTemplate, RouteKind, Setup
from gateway.deskfile import DeskTrouble, read_desk, write_desk

DEMO = Path(__file__).resolve().parents[2] / "templates" / "demo" / "desk.toml"


def _without_ids(setup: Setup) -> Setup:
    def bare(values: tuple) -> tuple:  # type: ignore[type-arg]  # dataclasses of several kinds
        return tuple(replace(value, id="") for value in values)

    return replace(
        setup,
        revision=0,
        users=bare(setup.users),
        retry_templates=bare(setup.retry_templates),
        connectors=bare(setup.connectors),
        processes=bare(setup.processes),
        routes=bare(setup.routes),
        mail_templates=bare(setup.mail_templates),
    )


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A copy of the demo's desk file."""
    file = tmp_path / "desk.toml"
    file.write_text(DEMO.read_text("utf-8"), "utf-8")
    return file


def _refusal(file: Path, old: str, new: str, count: int = 1) -> str:
    """The sentence for a file in which `old` was replaced."""
    text = file.read_text("utf-8")
    assert old in text, f"{old!r} is not in the demo's desk file"
    file.write_text(text.replace(old, new, count), "utf-8")
    with pytest.raises(DeskTrouble) as refused:
        read_desk(file)
    sentence = str(refused.value)
    assert sentence.startswith(str(file))
    assert "\n" not in sentence
    return sentence.removeprefix(str(file))


def test_the_desk_of_the_demo_is_fine(desk: Path) -> None:
    """The shipped example has no fault and no warning, and says what the contract describes."""
    read = read_desk(desk)
    assert read.warnings == ()
    assert [connector.address for connector in read.setup.connectors] == ["support@demo.example", "claims@demo.example"]
    assert [process.kind for process in read.setup.processes] == ["ticket", "case"]
    assert read.setup.users[0].undo_send == timedelta(seconds=10)
    assert read.setup.routes[0].when.subject_words == ("network", "réseau", "vpn", "wifi")


def test_written_and_read_again_is_the_same(desk: Path, example_setup: Setup) -> None:
    """`config export` round-trips, for the demo, the example and texts with every awkward character."""
    awkward = MailTemplate("", "acknowledgement", "fr", 'Reçu « {{ item.ref }} » "x" \\ \t', 'Bonjour,\n\nligne """ et \'\'\'\\\n\ttab ❤\n', "<p>é</p>")
    example = replace(_without_ids(example_setup), routes=tuple(sorted(_without_ids(example_setup).routes, key=lambda route: route.kind is F)))
    for setup in (read_desk(desk).setup, example, replace(read_desk(desk).setup, mail_templates=(awkward,))):
        desk.write_text(write_desk(setup), "utf-8")
        assert read_desk(desk).setup == setup


@pytest.mark.parametrize(
    ("text", "said"),
    [("{{ item.ref }", "mail_templates[1].text"), ("{% for x in y %}", "mail_templates[1].text"), ("", "a subject and a text are expected")],
)
def test_a_mail_template_must_be_one(desk: Path, text: str, said: str) -> None:
    """A text that cannot be rendered is refused when it is applied, not noticed when it is sent."""
    desk.write_text(desk.read_text("utf-8") + f'\n[[mail_templates]]\npurpose = "acknowledgement"\nlanguage = "fr"\nsubject = "x"\ntext = "{text}"\n', "utf-8")
    with pytest.raises(DeskTrouble, match=re.escape(said)):
        read_desk(desk)


def test_people_who_left_are_not_exported(desk: Path) -> None:
    """An inactive user is history, not part of the desk."""
    setup = read_desk(desk).setup
    gone = replace(setup, users=(*setup.users, replace(setup.users[0], email="gone@demo.example", active=False)))
    desk.write_text(write_desk(gone), "utf-8")
    assert read_desk(desk).setup == setup


WORDS = 'subject_words = ["network", "réseau", "vpn", "wifi"]'
DESK = 'default_connector = "support"'
SMTP = 'incoming = { kind = "smtp" }'

REFUSED = [
    # old, new, where, what is said
    ("[desk]", "[dsek]", "dsek", "unknown table"),
    ('name = "Demo desk"', 'nmae = "x"', "desk.nmae", "unknown key"),
    ('timezone = "Europe/Paris"', 'timezone = "Europe/Pari"', "desk.timezone", "no time zone"),
    ('language = "en"', 'language = "english"', "desk.language", "no language"),
    ('default_connector = "support"', 'default_connector = "supp"', "desk.default_connector", "there is no connector “supp”"),
    ('domains = ["acme.example"]', 'domains = ["acme"]', "companies[1].domains[1]", "is no domain"),
    ('domains = ["acme.example"]', 'domains = "acme.example"', "companies[1].domains", "a list is expected"),
    ('domains = ["globex.example"]', 'domains = ["ACME.example"]', "companies[2].domains[1]", "already belongs to company “Acme”"),
    ('name = "Claims"\n\n[[teams', 'name = "First line"\n\n[[teams', "queues[2].name", "is there twice"),
    ('leader = "lea@demo.example"', 'leader = "leo@demo.example"', "teams[1].leader", "the e-mail of no user"),
    ('role = "agent"  ', 'role = "agnet"  ', "users[1].role", "is not one of agent, leader, admin"),
    ('team = "Support"', 'team = "Suport"', "users[1].team", "there is no team “Suport”; there is “Support”"),
    ('queues = ["First line", "Claims"]', 'queues = ["First line", "Cl"]', "users[1].queues[2]", "there is no queue"),
    ('undo_send = "PT10S"', 'undo_send = "10s"', "users[1].undo_send", "is not a duration in ISO 8601"),
    ('undo_send = "PT10S"', "undo_send = 10", "users[1].undo_send", "a duration such as P5D or PT10S is expected, not 10"),
    ('undo_send = "PT10S"', 'undo_send = "PT1H"', "users[1].undo_send", "at most PT2M"),
    ('email = "bob@demo.example"', 'email = "ANN@demo.example"', "users[2].email", "is there twice"),
    ('email = "bob@demo.example"', 'email = "bob"', "users[2].email", "is no e-mail address"),
    ('email = "bob@demo.example"\n', "", "users[2].email", "missing; text is expected"),
    ('role = "admin"', 'role = "leader"', "users", "nobody is administrator"),
    ('intervals = ["PT2M", ', 'intervals = ["PT0S", ', "retry_templates[1].intervals[1]", "longer than nought"),
    ('"PT4H"]', '"P4H"]', "retry_templates[1].intervals[8]", "“P4H” is not a duration"),
    ('direction = "both"  ', 'direction = "in"  ', "connectors[1].direction", "is not one of incoming, outgoing, both"),
    ('strangers = "hold"  ', 'strangers = "keep"  ', "connectors[1].strangers", "is not one of hold, join, new"),
    ('incoming = { kind = "smtp" }', 'incoming = { kind = "gopher" }', "connectors[1].incoming.kind", "“gopher” is no kind of incoming connector"),
    ('incoming = { kind = "smtp" }\n', "", "connectors[1].incoming", "missing; direction “both” needs"),
    ('kind = "maildir", path = "outgoing", ', 'kind = "maildir", ', "connectors[1].outgoing.path", "missing; folder"),
    ('kind = "maildir", path = "outgoing"', 'kind = "smtp", host = "h", port = 0', "connectors[1].outgoing.port", "from 1 to 65535"),
    ('kind = "maildir", path = "outgoing"', 'kind = "smtp", host = "h", password = "x"', "connectors[1].outgoing.password", "password_env"),
    ('kind = "maildir", path = "outgoing"', 'kind = "smtp", host = "h", hots = "x"', "connectors[1].outgoing.hots", "unknown key; known for kind “smtp”"),
    ('retry_template = "standard"', 'retry_template = "std"', "connectors[1].outgoing.retry_template", "there is no retry template “std”"),
    ('unknown = "repeat"', 'unknown = "ask"', "connectors[1].outgoing.unknown", "is not one of repeat, hold"),
    ('name = "claims"\n', 'name = "cla/ims"\n', "connectors[2].name", "may not contain “/”"),
    ('address = "claims@demo.example"\ndirection', 'address = "HELP@demo.example"\ndirection', "connectors[2].address", "already belongs to connector “support”"),
    ('aliases = ["help@demo.example"]', 'aliases = ["support@demo.example"]', "connectors[1].aliases[1]", "is there twice"),
    ('name = "Claim"\n', 'name = "General support"\n', "case_processes[1].name", "is there twice among the processes"),
    ('queue = "First line"\nfeed', 'queue = "Nowhere"\nfeed', "ticket_processes[1].queue", "there is no queue “Nowhere”"),
    ('service = "Claims"\n', 'service = "Claims"\ncategories = ["x"]\n', "case_processes[1].categories", "cases have no categories"),
    ("resolution_needs_mail_or_note = true", 'resolution_needs_mail_or_note = "yes"', "ticket_processes[1].resolution_needs_mail_or_note", "true or false"),
    ('connector = "support"\nname = "network', 'connector = "sup"\nname = "network', "routes[1].connector", "there is no connector “sup”"),
    ('process = "General support"\ncategory = "Incident/Network"', 'process = "G"\ncategory = ""', "routes[1].process", "there is no process “G”"),
    ('category = "Incident/Network"\nsend', 'category = "Incident"\nsend', "routes[1].category", "there is no category “Incident”"),
    ('kind = "ordinary"  ', 'kind = "fallback"  ', "routes[1].when", "a fallback route has no conditions"),
    ('kind = "ordinary"  ', 'kind = "wildcard"  ', "routes[1].address", "“*” is expected for a wildcard route"),
    ('subject_words = ["network"', 'subject_word = ["network"', "routes[1].when.subject_word", "unknown key"),
    ('subject_words = ["network", "réseau", "vpn", "wifi"]', 'importance = "urgent"', "routes[1].when.importance", "is not one of high, normal, low"),
    ('subject_words = ["network", "réseau", "vpn", "wifi"]', 'sender = ["*a@*"]', "routes[1].when.sender[1]", "is no address"),
    ('subject_words = ["network", "réseau", "vpn", "wifi"]', 'sender_company = ["Acmee"]', "routes[1].when.sender_company[1]", "there is no company"),
    (WORDS, 'subject_pattern = "(?=x)"', "routes[1].when.subject_pattern", "is no expression in RE2 syntax"),
    (WORDS, 'subject_pattern = "a{1000}{1000}"', "routes[1].when.subject_pattern", "is no expression in RE2 syntax"),
    (WORDS, 'header_patterns = ["X-Shop: ["]', "routes[1].when.header_patterns[1]", "missing ]"),
    (WORDS, 'header_patterns = ["X-Shop:"]', "routes[1].when.header_patterns[1]", "it is empty"),
    (WORDS, 'headers = ["X Shop: yes"]', "routes[1].when.headers[1]", "names no header field"),
    (WORDS, 'headers = ["X-Shop"]', "routes[1].when.headers[1]", "names no header field"),
    (WORDS, 'folder = [""]', "routes[1].when.folder[1]", "1 to 320 printable characters"),
    ("[routes.when]", '[routes.unless]\nsender = ["*a@*"]\n[routes.when]', "routes[1].unless.sender[1]", "is no address"),
    ('kind = "fallback"\naddress = "claims@', 'kind = "fallback"\nunless = { importance = "high" }\naddress = "claims@', "routes[4].unless", "has no conditions"),
    (DESK, f'{DESK}\ntest_contacts = ["tester"]', "desk.test_contacts[1]", "is no e-mail address"),
    (DESK, f'{DESK}\nnever_counts = ["*"]', "desk.never_counts[1]", "is no address"),
    (DESK, f'{DESK}\nattachment_types = ["a/b"]', "desk.attachment_types[1]", "is no file extension"),
    (SMTP, f'{SMTP}\nprofile = {{ provider = "microsoft365", tenant = "ours" }}', "connectors[1].profile.tenant", "is no tenant id"),
    (SMTP, f'{SMTP}\nprofile = {{ provider = "google", tenant = "x" }}', "connectors[1].profile.tenant", "has a tenant"),
    (SMTP, f'{SMTP}\nprofile = {{ provider = "yahoo" }}', "connectors[1].profile.provider", "is not one of"),
    (SMTP, f'{SMTP}\nprofile = {{ trusted_forwarders = ["x"] }}', "connectors[1].profile.trusted_forwarders[1]", "is no domain"),
    (SMTP, f'{SMTP}\nprofile = {{ own_lists = ["x"] }}', "connectors[1].profile.own_lists[1]", "is no e-mail address"),
    (SMTP, f'{SMTP}\nprofile = {{ spam_marks = ["X-Spam"] }}', "connectors[1].profile.spam_marks[1]", "names no header field"),
    ('kind = "fallback"\naddress = "claims@', 'kind = "ordinary"\naddress = "claims@', "connectors[2]", 'a route with kind = "fallback" for claims@'),
    ('kind = "fallback"\naddress = "claims@', 'kind = "fallback"\naddress = "other@', "routes[4].address", "serves the main address"),
    ('effect = "reject_as_spam"', 'effect = "reject"', "blocked_addresses[1].effect", "is not one of no_automated_emails, reject_as_spam"),
    ('address = "*@spam.example"', 'address = "*"', "blocked_addresses[1].address", "is no address"),
    ('name = "Root"', 'name = "R\\u0000"', "users[4].name", "control characters"),
]
"""(text of the demo's desk file, what stands there instead, the key that is named, what is said)."""

ELSEWHERE = {
    "users[2].email: missing": "[[users]]", "users: nobody": "[[users]]", "routes[1].when: a fallback": "[routes.when]", "routes[1].address: “*” is": "address",
    "connectors[1].incoming: missing": "[[connectors]]", "connectors[2]: a route": "[[connectors]]",
}
"""Faults that are named at the table around, not at the line that was changed."""


@pytest.mark.parametrize(("old", "new", "path", "what"), REFUSED, ids=[f"{path}: {what}" for _, _, path, what in REFUSED])
def test_a_fault_is_one_sentence_with_its_place(desk: Path, old: str, new: str, path: str, what: str) -> None:
    """Every fault names file, line and key, and says what is expected."""
    before = desk.read_text("utf-8").partition(old)[0].count("\n") + 1
    sentence = _refusal(desk, old, new)
    found = re.fullmatch(r", line (\d+): (\S+): (.+)\.", sentence)
    assert found is not None, sentence
    line, said = int(found[1]), found[3]
    assert found[2] == path
    assert what in said
    around = next((table for start, table in ELSEWHERE.items() if f"{path}: {said}".startswith(start)), "")
    if around:
        assert desk.read_text("utf-8").splitlines()[line - 1].startswith(around)
    else:
        assert before <= line <= before + new.count("\n")


@pytest.mark.parametrize(("old", "new"), [("[[queues]]\n", "[queues]\n"), ("[desk]", "[desk"), ('name = "Acme"', "name = Acme")])
def test_what_is_no_toml_is_refused_with_its_line(desk: Path, old: str, new: str) -> None:
    """The parser's own words, with the line."""
    sentence = _refusal(desk, old, new)
    assert re.match(r" is not valid TOML: .* \(at line \d+, column \d+\)\.", sentence), sentence


def _with_routes(desk: Path, *kinds: RouteKind) -> Path:
    """The desk with routes of these kinds, in this order, for connector support."""
    text = desk.read_text("utf-8")
    start, end = text.index("[[routes]]"), text.index('[[routes]]\nconnector = "claims"')
    lines = []
    for number, kind in enumerate(kinds, 1):
        address = "*" if kind is RouteKind.WILDCARD else "support@demo.example"
        when = 'when = { sender = ["*@acme.example"] }\n' if kind is RouteKind.WILDCARD else ""
        lines.append(f'[[routes]]\nconnector = "support"\nname = "r{number}"\nkind = "{kind}"\naddress = "{address}"\nprocess = "General support"\n{when}\n')
    desk.write_text(text[:start] + "".join(lines) + text[end:], "utf-8")
    return desk


O, W, F = RouteKind.ORDINARY, RouteKind.WILDCARD, RouteKind.FALLBACK  # noqa: E741  # a table of one-letter names


@pytest.mark.parametrize(
    ("kinds", "fault"),
    [
        ((O, W, F), ""),
        ((O, O, W, W, F), ""),
        ((F,), ""),
        ((W, O, F), "a route of kind “ordinary” may not come after one of kind “wildcard”"),
        ((F, O), "a route of kind “ordinary” may not come after one of kind “fallback”"),
        ((O, F, W), "a route of kind “wildcard” may not come after one of kind “fallback”"),
        ((F, F), "already has a fallback route"),
        ((O, W), 'a route with kind = "fallback" for support@demo.example is missing'),
    ],
)
def test_routes_stand_in_their_order_classes(desk: Path, kinds: tuple[RouteKind, ...], fault: str) -> None:
    """B-RT-09, B-RT-10: ordinary, then wildcard, then one fallback; B-CN-08: there must be one."""
    _with_routes(desk, *kinds)
    if fault:
        with pytest.raises(DeskTrouble, match=fault):
            read_desk(desk)
    else:
        assert [route.kind for route in read_desk(desk).setup.routes if route.connector == "support"] == list(kinds)


@pytest.mark.parametrize("senders", ["[]", '["*"]', '["*@acme.example", "*@"]', '["@"]'])
def test_a_wildcard_route_needs_a_real_list_of_senders(desk: Path, senders: str) -> None:
    """B-RT-12: no list, or a list that lets everybody in, is refused."""
    _with_routes(desk, O, W, F)
    assert "routes[2].when.sender" in _refusal(desk, '["*@acme.example"]', senders)


def test_an_alias_without_a_route_is_a_warning(desk: Path) -> None:
    """B-RT-11: mail to it would be unhandled; that is allowed, and said."""
    desk.write_text(desk.read_text("utf-8").replace('address = "help@demo.example"', 'address = "support@demo.example"'), "utf-8")
    (warning,) = read_desk(desk).warnings
    assert "line 70: connectors[1].aliases[1]: help@demo.example has no route" in warning


@pytest.mark.parametrize("provider", ["google", "microsoft365"])
def test_a_providers_marks_at_our_own_door_are_a_warning(desk: Path, provider: str) -> None:
    """Whoever reaches our own SMTP door can write what is believed of a provider: allowed, and said."""
    text = desk.read_text("utf-8").replace(SMTP, f'{SMTP}\nprofile = {{ provider = "{provider}" }}', 1)
    desk.write_text(text, "utf-8")
    assert any("profile.provider: anybody who reaches our own door" in warning for warning in read_desk(desk).warnings)


def test_a_missing_or_binary_file_is_a_sentence(tmp_path: Path) -> None:
    """What is no readable text is refused by name."""
    with pytest.raises(DeskTrouble, match=r"nothing\.toml does not exist"):
        read_desk(tmp_path / "nothing.toml")
    (tmp_path / "x").write_bytes(b"a = '\xff'")
    with pytest.raises(DeskTrouble, match="not UTF-8"):
        read_desk(tmp_path / "x")
