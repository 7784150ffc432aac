#!/usr/bin/env python3
"""Answers, as one of the demo's people, the newest mail that Guichet sent them, as their mail program would: by the submission door, with their password.

    python3 answer.py                                      shows that mail (ann@demo.example, if nobody is named)
    python3 answer.py "#take #wait 3d" "Which version do you have?"
    python3 answer.py --as bob@demo.example "#aide"

Each argument is a line of the answer. Only for the demo: it reads the passwords that the demo wrote beside it.
"""

import argparse
import email.message
import email.policy
import email.utils
import smtplib
import ssl
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent


def newest(person):
    """The newest mail in the demo's outgoing Maildir that is to this person alone and was made by Guichet; None if there is none."""
    for file in sorted((HERE / "outgoing" / "new").iterdir(), key=lambda file: file.stat().st_mtime, reverse=True):
        mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        if mail["Auto-Submitted"] and [address for _, address in email.utils.getaddresses([str(mail["To"])])] == [person]:
            return mail
    return None


def answer_to(mail, person, lines):
    """The answer as mail programs write it: the words on top, the mail below as a quotation."""
    quoted = "".join(f"> {line}\n" for line in mail.get_body(("plain",)).get_content().splitlines())
    answer = email.message.EmailMessage()
    answer["From"] = person
    answer["To"] = str(mail["Reply-To"] or mail["From"])
    answer["Subject"] = f"Re: {mail['Subject']}"
    answer["Date"] = email.utils.localtime()
    answer["Message-ID"] = email.utils.make_msgid(domain="demo.example")
    answer["In-Reply-To"] = answer["References"] = str(mail["Message-ID"])
    answer.set_content("\n".join(lines) + f"\n\nOn {mail['Date']}, {mail['From']} wrote:\n" + quoted)
    return answer


def main():
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--as", dest="person", default="ann@demo.example", metavar="EMAIL")
    wanted.add_argument("lines", nargs="*", metavar="LINE")
    asked = wanted.parse_args()
    mail = newest(asked.person)
    if mail is None:
        sys.exit(f"No mail to {asked.person} has left yet. Give them an item first: guichet item do REF assign --to {asked.person}")
    if not asked.lines:
        sys.stdout.write(f"From: {mail['From']}\nTo: {mail['To']}\nSubject: {mail['Subject']}\n\n{mail.get_body(('plain',)).get_content()}")
        return
    settings = tomllib.loads((HERE / "guichet.toml").read_text("utf-8"))
    passwords = dict(line.split() for line in (HERE / "passwords.txt").read_text("utf-8").splitlines())
    answer = answer_to(mail, asked.person, asked.lines)
    with smtplib.SMTP("127.0.0.1", settings["submission"]["port"]) as door:
        door.starttls(context=ssl.create_default_context(cafile=HERE / settings["smtp"]["tls_certificate"]))
        door.login(asked.person, passwords[asked.person])
        door.send_message(answer)
    sys.stdout.write(f"Handed in: your answer to “{mail['Subject']}”.\n")


main()
