"""The settings of one installation (places, ports, limits, threads) and what each means; `settings_source.py` reads them, `deskfile.py` is the desk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.durations import parse_duration

PREFIX = "GUICHET_"
DELIMITER = "__"


class Section(BaseModel):
    """A table of the settings file: immutable, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _durations(cls, value: Any, info: Any) -> Any:
        """Durations are ISO 8601 everywhere, and nothing but that (pydantic would also take plain numbers)."""
        if cls.model_fields[info.field_name].annotation is not timedelta or isinstance(value, timedelta):
            return value
        return parse_duration(str(value))


class DatabaseSettings(Section):
    url: str = Field("sqlite:///guichet.db", description="SQLAlchemy URL: `sqlite:///FILE` (relative to `data`) or `postgresql+psycopg://user@host/name`.")
    pool_size: int = Field(12, ge=1, le=200, description="Connections kept open by each process.")

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("a URL that begins with sqlite:/// or postgresql+psycopg:// is expected")
        return url


class BrokerSettings(Section):
    url: str = Field("", description="`redis://…` or `amqp://…`; empty: inside the process, for one process that has all roles.")

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if url and not url.startswith(("redis://", "rediss://", "amqp://", "amqps://", "drop://")):
            raise ValueError("a URL that begins with redis://, rediss://, amqp:// or amqps:// is expected, or nothing")
        return url


class SmtpSettings(Section):
    host: str = Field("127.0.0.1", description="Address the SMTP door listens on.")
    port: int = Field(2525, ge=0, le=65535, description="Port of the SMTP door; 0 takes a free one.")
    hostname: str = Field("", description="Name in the greeting; empty: the name of the machine.")
    max_size: int = Field(45 * 2**20, ge=10_000, le=2**31, description="Largest mail taken, in bytes; announced by SIZE.")
    max_recipients: int = Field(100, ge=1, le=100_000, description="Recipients per mail; more are told 452.")
    max_connections: int = Field(400, ge=1, le=100_000, description="Connections at once; more are told 421.")
    max_connections_per_peer: int = Field(40, ge=1, le=100_000, description="Connections at once from one client.")
    connections_per_minute: int = Field(240, ge=1, description="New connections a minute from one client.")
    mails_per_minute: int = Field(1_200, ge=1, description="Mails a minute from one client.")
    unlimited_peers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.0/8", "::1/128"), description="Networks without limits of their own, such as the MTA in front; in the environment separated by commas."
    )
    max_held: int = Field(192 * 2**20, ge=2**20, description="Bytes of mail that all connections together may hold in memory.")
    command_timeout: timedelta = Field(timedelta(minutes=5), description="Silence after which a connection is closed.")
    data_timeout: timedelta = Field(timedelta(minutes=3), description="Silence within a mail after which a connection is closed.")
    tls_certificate: Path | None = Field(None, description="Certificate chain (PEM), relative to `data`; with it STARTTLS is offered.")
    tls_key: Path | None = Field(None, description="Key of the certificate (PEM), if it is not in the same file.")

    @field_validator("unlimited_peers", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("unlimited_peers")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network, strict=False)
            except ValueError:
                raise ValueError(f"“{network}” is no network such as 10.0.0.0/8") from None
        return networks

    @model_validator(mode="after")
    def _pair(self) -> SmtpSettings:
        if self.tls_key is not None and self.tls_certificate is None:
            raise ValueError("tls_key needs tls_certificate beside it")
        return self


class LmtpSettings(Section):
    host: str = Field("127.0.0.1", description="Address the LMTP door listens on; it has no limits by client, for only our own MTA may reach it.")
    port: int = Field(2424, ge=0, le=65535, description="Port of the LMTP door; 0 takes a free one.")
    socket: Path | None = Field(
        None, description="A socket in the file system instead of host and port, relative to `data`; open to our user and group (mode 0660)."
    )


class PollSettings(Section):
    every: timedelta = Field(timedelta(minutes=1), description="Pause between two looks into a mailbox that says nothing else.")
    timeout: timedelta = Field(timedelta(seconds=60), description="Patience with each answer of a mailbox's server.")
    idle: timedelta = Field(timedelta(minutes=9), description="Longest IDLE before the connection is shown to be alive.")


class ScannerSettings(Section):
    """A virus scanner that speaks clamd's protocol. While it is away, mail with attachments waits."""

    address: str = Field("", description="`host:port` or the path of a socket (`/run/clamav/clamd.ctl`); empty: nothing is scanned.")
    timeout: timedelta = Field(timedelta(seconds=60), description="Patience with the scanner's answer to one mail.")


class MailauthSettings(Section):
    """For connectors whose profile says `own_mx`: SPF, DKIM and DMARC are checked by ourselves."""

    resolvers: Annotated[tuple[str, ...], NoDecode] = Field((), description="Addresses of DNS servers, as `ip` or `ip:port`; empty: those of the system.")
    timeout: timedelta = Field(timedelta(seconds=10), description="Patience with all DNS answers for one mail together.")
    most_queries: int = Field(60, ge=1, description="DNS questions for one mail at most.")

    @field_validator("resolvers", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class WebSettings(Section):
    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port of the web server; 0 takes a free one.")
    public_url: str = Field("", description="Where people reach it, such as `https://desk.example.com`: links in mails begin so; empty: mails have no links.")

    @field_validator("public_url")
    @classmethod
    def _plain_url(cls, url: str) -> str:
        if url and not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]{1,255}(/[A-Za-z0-9._~/-]{0,500})?", url):
            raise ValueError(f"“{url}” is no address such as https://desk.example.com")
        return url.rstrip("/")


class SubmissionSettings(Section):
    """The door at which our people's own mail programs hand in mail (RFC 6409). TLS is that of the SMTP door; without it nobody can log in."""

    enabled: bool = Field(False, description="Whether it is opened, for the role `submission`.")
    host: str = Field("127.0.0.1", description="Address it listens on.")
    port: int = Field(5870, ge=0, le=65535, description="Port; 0 takes a free one. The standard one is 587.")
    implicit_tls: bool = Field(False, description="TLS from the first byte (port 465) instead of STARTTLS.")
    log_ins_per_minute: int = Field(20, ge=1, description="Failed log-ins a minute from one client, or for one user; more are told to come later.")
    mails_per_hour: int = Field(300, ge=1, description="Mails an hour by one user; more are told to come later.")


class AgentMailSettings(Section):
    """Mails by our own people that are carried out."""

    answer_days: int = Field(30, ge=1, le=3650, description="Days for which a notification can be answered; then the answer is kept and not carried out.")
    mails_per_hour: int = Field(120, ge=1, description="Mails by one user that are carried out within an hour.")
    refusals_per_hour: int = Field(10, ge=0, description="Answers within an hour that tell one user why a mail was not carried out.")
    link_days: int = Field(7, ge=1, le=90, description="Days for which a link in a mail can be used.")
    attachments_up_to: int = Field(5 * 2**20, ge=0, description="Bytes of attachments that go with a notification; larger ones are linked.")
    notifications_per_hour: int = Field(200, ge=1, description="Notifications to one user within an hour; more are told together.")


class LimitSettings(Section):
    """Brakes on automatic mail (decisions.md 9)."""

    automatic_per_item: int = Field(1, ge=0, description="Automatic mails per item within five minutes.")
    automatic_per_sender_day: int = Field(20, ge=0, description="Automatic mails per address within 24 hours.")
    automatic_per_hour: int = Field(600, ge=0, description="Automatic mails in all within an hour; above it they are held.")
    items_per_sender_hour: int = Field(300, ge=0, description="Items opened by one sender within an hour; above it their mails wait among the unhandled; 0 is no limit.")
    signed_days: int = Field(
        400, ge=0, description="Days for which our signed Message-IDs and the reply addresses of closed items prove anything; then they are ids like others; 0: for ever."
    )


class WorkerSettings(Section):
    inbound_threads: int = Field(2, ge=1, le=64, description="Threads that read inbound mail, for the role `worker`.")
    dispatch_threads: int = Field(2, ge=1, le=64, description="Threads that send, for the role `dispatch`.")


class OutboundSettings(Section):
    hostname: str = Field("", description="Name we say in EHLO; empty: the name of the machine.")
    timeout: timedelta = Field(timedelta(seconds=60), description="Patience with each answer of a server we send to.")


class AlarmSettings(Section):
    """How administrators hear of trouble with a way out, besides the log, the metrics and a mail by another connector."""

    command: tuple[str, ...] = Field((), description="A program and its arguments; it is given the sentence on its standard input, for each alarm. Empty: none.")
    timeout: timedelta = Field(timedelta(seconds=30), description="Patience with the program; then it is killed.")
    late_after: timedelta = Field(timedelta(minutes=15), description="Mail of a connector that has been due for so long is told of.")


class KeySettings(Section):
    file: Path = Field(Path("secret.key"), description="The secret keys (mode 0600), relative to `data`.")


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least important level that is written.")
    format: Literal["auto", "json", "human"] = Field("auto", description="`auto`: for people on a terminal, JSON lines elsewhere.")


class Settings(BaseSettings):
    """All of them. Paths are absolute once loaded. Made by `gateway.settings_source.load_settings`, or directly in tests."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DELIMITER, extra="forbid", frozen=True, validate_default=True, env_ignore_empty=True
    )

    data: Path = Field(Path("."), description="Folder of the database, keys and local mail; relative to the settings file.")
    database: DatabaseSettings = DatabaseSettings()
    broker: BrokerSettings = BrokerSettings()
    smtp: SmtpSettings = SmtpSettings()
    lmtp: LmtpSettings = LmtpSettings()
    poll: PollSettings = PollSettings()
    scanner: ScannerSettings = ScannerSettings()
    mailauth: MailauthSettings = MailauthSettings()
    web: WebSettings = WebSettings()
    submission: SubmissionSettings = SubmissionSettings()
    agent_mail: AgentMailSettings = AgentMailSettings()
    limits: LimitSettings = LimitSettings()
    workers: WorkerSettings = WorkerSettings()
    outbound: OutboundSettings = OutboundSettings()
    alarm: AlarmSettings = AlarmSettings()
    keys: KeySettings = KeySettings()
    log: LogSettings = LogSettings()

    _file: Path | None = PrivateAttr(None)
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def file(self) -> Path | None:
        """The settings file they came from, if any."""
        return self._file

    @property
    def origins(self) -> Mapping[str, str]:
        """Key → where its value came from; keys with their default are not in it."""
        return self._origins

    @property
    def key_file(self) -> Path:
        return self.path(self.keys.file)

    @property
    def database_url(self) -> str:
        """The URL with the place of an SQLite file made absolute."""
        kind, _, place = self.database.url.partition(":///")
        return f"sqlite:///{self.path(place)}" if kind == "sqlite" and place else self.database.url

    def path(self, place: str | Path) -> Path:
        """A place relative to the data folder, or as it is if absolute."""
        return (self.data / place).absolute()
