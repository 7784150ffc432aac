"""The composition root: builds one House and hands each part what it needs, so that none looks for another; what settings mean for the ways in: `ways_in.py`."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING

from core.setup import Connector, Setup
from gateway import ways_in
from gateway.agent_mail import AgentMails, Limits
from gateway.apply import Apply
from gateway.clock import Clock, SystemClock
from gateway.desk import Desk
from gateway.fresh_setup import FreshSetup
from gateway.holders import new_holder
from gateway.inbound.inspecting import Inspecting
from gateway.inbound.intake import Intake
from gateway.inbound.isolate import read_mail
from gateway.inbound.process import Processor
from gateway.keys import Keys
from gateway.outbound.dispatch import Dispatcher
from gateway.outbound.dkim import Signer, SigningAlarm
from gateway.scheduler import Scheduler
from gateway.secrets import Secrets
from gateway.settings import Settings
from gateway.store.engine import Database
from gateway.store.setups import Setups
from gateway.submitted import Submitted
from gateway.worker import Wakes

if TYPE_CHECKING:
    from gateway.alarm_watch import AlarmWatch
    from gateway.desk_app_passwords import AppPasswordDesk
    from gateway.desk_dkim import DkimDesk
    from gateway.desk_links import LinkDesk
    from gateway.desk_mail_bytes import MailBytesDesk
    from gateway.desk_secrets import SecretsDesk
    from gateway.inbound.fetching import Means
    from gateway.inbound.lmtp import LmtpDoor
    from gateway.inbound.poller import Poller
    from gateway.inbound.smtp import SmtpDoor
    from gateway.inbound.submission import SubmissionDoor
    from gateway.notifier import Notifier
    from gateway.oauth.tokens import Tokens
    from gateway.outbound.session import Bearer
    from gateway.sent_folder import SentFolder


_MAKING = threading.Lock()


@dataclass
class House:
    """One installation in one process: every part, wired. Nothing runs until somebody calls it."""

    settings: Settings
    clock: Clock
    database: Database
    setups: Setups
    keys: Keys
    apply: Apply
    holder: str
    """Name of this process in leases: host, process and a random part."""

    @cached_property
    def setup(self) -> Callable[[], Setup]:
        return FreshSetup(self.database, self.setups)

    @cached_property
    def wakes(self) -> Wakes:
        return Wakes(self.settings.broker.url, lambda: self.processor, lambda: self.dispatcher)

    @cached_property
    def intake(self) -> Intake:
        return Intake(self.database, self.clock, self.setup, max_size=self.settings.smtp.max_size, on_stored=self.wakes.inbound)

    @property
    def tokens(self) -> Tokens:
        """The one that all threads share: two would renew the same token at once, and a refresh token may be good only once."""
        with _MAKING:  # a cached property takes no lock from Python 3.12 on
            return self._tokens

    @cached_property
    def _tokens(self) -> Tokens:
        from gateway.oauth.tokens import Tokens  # needed by mailboxes with OAuth2 only

        return Tokens(self.database, self.keys, self.clock, os.environ, self.holder)

    @cached_property
    def secrets(self) -> Secrets:
        """Passwords and private keys that administrators entered; also a function from name to value."""
        return Secrets(self.database, self.keys, self.clock)

    @cached_property
    def sent_folder(self) -> SentFolder:
        """What puts copies of sent mail into mailboxes."""
        from gateway.outbound.alarms import Alarms
        from gateway.sent_folder import SentFolder  # the IMAP library is imported with it

        return SentFolder(self.database, self.setups, self.clock, Alarms(self.apply, self.clock), self.fetch_means)

    @property
    def secrets_desk(self) -> SecretsDesk:
        """What administrators do with them."""
        from gateway.desk_secrets import SecretsDesk

        return SecretsDesk(self.database, self.setups, self.secrets)

    @property
    def dkim_desk(self) -> DkimDesk:
        """What administrators do with the keys that sign our mail."""
        from gateway.checkup_dns import lookups
        from gateway.desk_dkim import DkimDesk

        mailauth = self.settings.mailauth
        asked = partial(lookups, mailauth.resolvers, mailauth.timeout.total_seconds())
        return DkimDesk(self.database, self.setups, self.secrets, self.clock, asked)

    @cached_property
    def processor(self) -> Processor:
        return Processor(
            self.database,
            self.setups,
            self.keys,
            self.clock,
            self.apply,
            read_mail,
            holder=self.holder,
            limits=ways_in.brakes(self.settings),
            on_mail_queued=self.wakes.outbox,
            ring=lambda connection, item, now: self.scheduler.ring(connection, item, now),
            inspect=self.inspect,
            by_agent=self.agent_mails,
        )

    @cached_property
    def agent_mails(self) -> AgentMails:
        """What carries out the mails of our own people."""
        ours = self.settings.agent_mail
        limits = Limits(ours.mails_per_hour, ours.refusals_per_hour, ours.link_days)
        url = self.settings.web.public_url
        submitted = Submitted(self.clock, self.keys, public_url=url, link_days=ours.link_days, refusals_per_hour=ours.refusals_per_hour)
        return AgentMails(self.clock, self.keys, limits, public_url=url, submitted=submitted)

    @cached_property
    def inspect(self) -> Inspecting:
        """What is found out about each mail; the scanner and the checks of senders are imported where they are used only."""
        return Inspecting(self.setup, scan=ways_in.scan(self.settings, self.database, self.clock), authenticate=ways_in.Authenticate(self.settings, self.setup))


    @cached_property
    def dispatcher(self) -> Dispatcher:
        outbound = self.settings.outbound
        return Dispatcher(
            self.database,
            self.setups,
            self.keys,
            self.clock,
            self.apply,
            holder=self.holder,
            hostname=outbound.hostname or socket.gethostname(),
            timeout=outbound.timeout.total_seconds(),
            folder=self.settings.data,
            bearer=self._bearer,
            secrets=self.secrets,
            sign=Signer(self.secrets, SigningAlarm(self.database, self.setups, self.apply, self.clock)),
        )

    @cached_property
    def desk(self) -> Desk:
        return Desk(self.database, self.setups, self.clock, self.apply, wake_outbox=self.wakes.outbox)

    @cached_property
    def link_desk(self) -> LinkDesk:
        """What the links in mails to our people do."""
        from gateway.desk_links import LinkDesk  # needed where such a link is opened only

        return LinkDesk(
            self.database, self.setups, self.clock, self.apply, self.keys, wake_outbox=self.wakes.outbox, released=self.agent_mails.released
        )

    @property
    def app_passwords(self) -> AppPasswordDesk:
        """What people do with their passwords for mail programs."""
        from gateway.desk_app_passwords import AppPasswordDesk

        return AppPasswordDesk(self.database, self.setups, self.clock, self.apply)

    @property
    def mail_bytes(self) -> MailBytesDesk:
        """Outgoing mails as files, and those of another system's queue."""
        from gateway.desk_mail_bytes import MailBytesDesk

        return MailBytesDesk(self.database, self.setups, self.clock, self.apply, self.keys, sign=Signer(self.secrets))

    @cached_property
    def scheduler(self) -> Scheduler:
        return Scheduler(
            self.database,
            self.setups,
            self.apply,
            self.clock,
            holder=self.holder,
            brakes=ways_in.brakes(self.settings),
            answered_for=timedelta(days=self.settings.agent_mail.answer_days + 1),
            wake_inbound=self.wakes.inbound,
            wake_outbox=self.wakes.outbox,
            recover=self.dispatcher.recover_expired,
        )

    @cached_property
    def notifier(self) -> Notifier:
        """What tells our people by mail."""
        from gateway.notified_mail import Means as NotifiedBy
        from gateway.notifier import Notifier  # judging files is loaded where somebody is told something

        ours, web = self.settings.agent_mail, self.settings.web
        means = NotifiedBy(self.keys, self.clock, web.public_url, ours.link_days, ours.attachments_up_to)
        return Notifier(self.database, self.setups, self.apply, means, per_hour=ours.notifications_per_hour, wake_outbox=self.wakes.outbox)

    @cached_property
    def alarm_watch(self) -> AlarmWatch:
        from gateway.alarm_watch import AlarmWatch  # subprocess is loaded where somebody watches

        alarm = self.settings.alarm
        return AlarmWatch(
            self.database, self.setups, self.clock, self.apply, command=alarm.command, timeout=alarm.timeout, late_after=alarm.late_after
        )

    def _bearer(self, connector: Connector) -> Bearer:
        """Access tokens for a connector's way out."""
        from gateway.outbound.session import Bearer

        return Bearer(lambda: self.tokens.token(connector, "outgoing"), lambda token: self.tokens.rejected(connector, token, "outgoing"))

    def smtp_door(self) -> SmtpDoor:
        """A new SMTP door by the settings; not started."""
        from gateway.inbound.smtp import SmtpDoor  # asyncio and aiosmtpd are needed by the doors only

        return SmtpDoor(self.intake, ways_in.smtp_options(self.settings))

    def lmtp_door(self) -> LmtpDoor:
        """A new LMTP door: the limits and the certificate are those of the SMTP door; not started."""
        from gateway.inbound.lmtp import LmtpDoor

        return LmtpDoor(self.intake, ways_in.lmtp_options(self.settings))

    def submission_door(self) -> SubmissionDoor:
        """A new door for our people's own mail programs, with the limits and the certificate of the SMTP door; not started."""
        from gateway.inbound.log_ins import LogIns
        from gateway.inbound.submission import SubmissionDoor

        submission = self.settings.submission
        return SubmissionDoor(
            self.intake,
            ways_in.submission_options(self.settings),
            LogIns(self.database, self.clock),
            self.setup,
            implicit_tls=submission.implicit_tls,
            log_ins_per_minute=submission.log_ins_per_minute,
            mails_per_hour=submission.mails_per_hour,
        )

    def poller(self) -> Poller:
        """What fetches from the mailboxes of the setup; not started."""
        from gateway.inbound.poller import Poller

        return Poller(self.fetch_means(), self.setup, holder=self.holder, every=self.settings.poll.every.total_seconds())

    def fetch_means(self) -> Means:
        """What every fetcher is given besides its connector."""
        from gateway.inbound.fetch_token import FetchToken
        from gateway.inbound.fetching import Means

        poll = self.settings.poll
        return Means(
            self.database,
            self.intake,
            self.clock,
            folder=self.settings.data,
            environ=os.environ,
            secrets=self.secrets,
            token=FetchToken(self.tokens),
            timeout=poll.timeout.total_seconds(),
            idle=min(poll.idle.total_seconds(), 540.0),
            max_size=self.settings.smtp.max_size,
        )

    def close(self) -> None:
        """Give back what is held: leases, connections."""
        for name in ("intake", "dispatcher"):
            if name in self.__dict__:
                self.__dict__[name].close()
        self.database.dispose()


def open_house(settings: Settings, *, clock: Clock | None = None) -> House:
    """Wire an installation. Touches no network; reads the key file.

    Raises KeyTrouble with a sentence when the keys are missing or readable by others.
    """
    tick = clock or SystemClock()
    keys = Keys.load(settings.key_file)
    return House(
        settings=settings,
        clock=tick,
        database=Database(settings.database_url, pool_size=settings.database.pool_size),
        setups=Setups(tick),
        keys=keys,
        apply=Apply(keys, tick),
        holder=new_holder(tick.new_id()[:8]),
    )
