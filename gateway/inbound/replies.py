"""What the SMTP and LMTP doors say, as one table: basic code, enhanced code (RFC 3463) and sentence; when it is said is `conversation.py`.

A reply never quotes what the client sent and never carries the words of a fault of ours. 4xx says "later" for everything
that passes; 5xx is kept for what the sender must be told.
"""

from __future__ import annotations

REPLIES: dict[str, str] = {
    # fine
    "hello_again": "250 2.0.0 Nothing has been sent yet",
    "noop": "250 2.0.0 Here",
    "sender_ok": "250 2.1.0 Sender noted",
    "recipient_ok": "250 2.1.5 Recipient noted",
    "go_ahead": "354 End the mail with CRLF . CRLF",
    "bye": "221 2.0.0 Goodbye",
    "start_tls": "220 2.0.0 Begin TLS",
    "verify": "252 2.0.0 Try a delivery to find out",
    "help": "214 2.0.0 RFC 5321 and 2033: EHLO HELO LHLO MAIL RCPT DATA RSET NOOP VRFY STARTTLS QUIT",
    "logged_in": "235 2.7.0 You are logged in",
    "ask_name": "334 VXNlcm5hbWU6",
    "ask_password": "334 UGFzc3dvcmQ6",
    "ask_both": "334 ",
    # later, please
    "closing": "421 4.3.2 The service is closing, please come again",
    "busy": "421 4.3.2 Too many connections, please come again",
    "too_many_connections": "421 4.7.0 Too many connections from you, please come again",
    "connecting_too_fast": "421 4.7.0 You connect too often, please come again in a minute",
    "sending_too_fast": "451 4.7.1 You send too many mails, please come again in a minute",
    "timeout": "421 4.4.2 Nothing was heard for too long",
    "too_many_log_ins": "421 4.7.0 Too many log-ins that failed",
    "log_in_later": "454 4.7.0 No log-in is possible at present, please try again in a minute",
    "sending_too_much": "451 4.7.1 You have sent very many mails, please come again later",
    "too_many_errors": "421 4.7.0 Too many errors",
    "too_many_commands": "421 4.7.0 Too many commands without a mail",
    "foreign": "421 4.7.0 This is a mail service",
    "flood": "421 4.3.4 Far too much was sent",
    "fault": "451 4.3.0 A passing fault of ours, please try again later",
    "no_room": "452 4.3.1 Too much is being received at present, please try again later",
    "too_many_recipients": "452 4.5.3 Too many recipients, send this mail to the others by itself",
    "resting_recipient": "450 4.2.1 This mailbox takes no mail at present, please try again later",
    # no
    "unknown_verb": "500 5.5.1 Command not known",
    "not_utf8": "500 5.5.2 The command is not UTF-8",
    "empty_line": "500 5.5.2 A command is expected",
    "line_too_long": "500 5.5.2 The line is too long",
    "bare_line_end": "500 5.5.2 Lines must end with CRLF",
    "nul": "500 5.5.2 NUL is not allowed in a command",
    "log_in_cancelled": "501 5.7.0 The log-in was given up",
    "not_base64": "501 5.5.2 Base64 is expected",
    "say_who": "501 5.5.4 Say who you are: a name is missing",
    "no_argument": "501 5.5.4 This command has no argument",
    "mail_syntax": "501 5.5.4 Expected: MAIL FROM:<address> and known parameters",
    "rcpt_syntax": "501 5.5.4 Expected: RCPT TO:<address>",
    "bad_sender": "501 5.1.7 The sender's address is not valid",
    "bad_recipient": "501 5.1.3 The recipient's address is not valid",
    "not_implemented": "502 5.5.1 Command not implemented",
    "hello_first": "503 5.5.1 A greeting comes first: EHLO, in LMTP LHLO",
    "mail_first": "503 5.5.1 MAIL comes first",
    "mail_once": "503 5.5.1 MAIL was given already",
    "recipient_first": "503 5.5.1 No recipient was accepted",
    "tls_already": "503 5.5.1 TLS has begun already",
    "logged_in_already": "503 5.5.1 You are logged in already",
    "log_in_in_mail": "503 5.5.1 No log-in is possible within a mail",
    "unknown_mechanism": "504 5.5.4 This way to log in is not known; PLAIN and LOGIN are",
    "log_in_first": "530 5.7.0 Log in first: AUTH PLAIN or AUTH LOGIN",
    "tls_first": "530 5.7.0 TLS comes first: STARTTLS",
    "not_logged_in": "535 5.7.8 The name or the password is wrong",
    "tls_for_log_in": "538 5.7.11 A log-in needs TLS: STARTTLS comes first",
    "tls_pipelined": "503 5.5.1 Nothing may follow STARTTLS before TLS has begun",
    "unknown_recipient": "550 5.1.1 No such address here",
    "return_path_not_yours": "550 5.7.1 MAIL FROM must be a mailbox that you may send from, or your own address",
    "author_unreadable": "550 5.7.1 From must name one address, the one that this mail is from; it was not found in the header",
    "author_not_yours": "550 5.7.1 From must be a mailbox that you may send from; nothing was sent",
    "author_to_us_only": "550 5.7.1 From your own address you may write here to our mailboxes only; choose the mailbox in From. Nothing was sent",
    "too_big": "552 5.3.4 The mail is too big",
    "unknown_parameter": "555 5.5.4 A parameter is not known or not valid",
}

CLOSES = frozenset({"421", "221"})
"""Basic codes after which the connection ends."""


def closes(reply: str) -> bool:
    """Whether a reply ends the connection."""
    return reply[:3] in CLOSES


def is_error(reply: str) -> bool:
    """Whether a reply counts against the client's budget of errors."""
    return reply.startswith("5")
