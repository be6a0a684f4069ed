"""The daemon's life: it starts, is told things by signals, and stops without losing anything."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from operator import attrgetter
from typing import Final

import anyio
from anyio.abc import TaskStatus

from stream import __version__
from stream.daemon import logs
from stream.daemon.app import make_app
from stream.daemon.config import Settings, load_certificate, prices_of, token_of
from stream.daemon.consumer import Consumer
from stream.daemon.core import Core
from stream.daemon.events import log_event
from stream.daemon.exporter import Exporter
from stream.daemon.feeding import Feeding, check_directories
from stream.daemon.guard import Access, Guard
from stream.daemon.http_server import Server, open_socket, serve_app
from stream.daemon.machine import measure_regularly
from stream.daemon.report_writer import ReportWriter
from stream.daemon.systemd import Notifier
from stream.records.errors import BadConfiguration, Unavailable, UsageStreamError, first_of
from stream.sinks.atomic import prepare_file
from stream.sinks.dead_letters import FILE as DEAD_LETTERS
from stream.sources.settling import LEASES

__all__ = ["Daemon", "run_daemon"]

FIXED: Final = ("state", "channel_capacity", "series_limit", "http.listen")
"""What cannot change while the daemon runs."""

LOOK: Final = 0.5
"""Seconds from one look at whether the daemon is ready to the next."""

Load = Callable[[], Settings]


def run_daemon(load: Load, clock: Callable[[], int]) -> None:
    """Run until a signal says to stop; ``load`` loads the settings, now and for a reload.

    Raises:
        BadConfiguration: the settings are wrong.
        Unavailable: a directory or the store cannot be used, or the address is taken.
        BadInput: the state file is damaged.
    """
    gc.set_threshold(20_000, 10, 10)  # a replay hardly collects; months want it done now and then
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to load anew
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    settings = load()
    logs.set_up(settings.log)
    if not LEASES:
        said = "no file leases on this platform: settle_seconds alone tell that a file is whole"
        log_event("warning", "no_leases", said)
    prepare_outputs(settings)
    check_directories(settings)
    access, prices = access_of(settings), prices_of(settings)
    opened = open_socket(settings.http)
    with closing(opened), closing(Core(settings, clock, prices)) as core:
        daemon = Daemon(core, load, access)
        anyio.run(daemon.run, opened)


def prepare_outputs(settings: Settings) -> None:
    """See that state and dead letters can be written where they are to go.

    A report that cannot be written is no reason not to run: ``report_writer`` tries again.

    Raises:
        Unavailable: something cannot.
    """
    for path in (settings.state, settings.dead_letters / DEAD_LETTERS):
        prepare_file(path)


def access_of(settings: Settings) -> Access:
    """Return who may ask, and what connections are protected with.

    Raises:
        BadConfiguration: the token's file, or one of the certificate's, cannot be read.
    """
    http = settings.http
    token = None if http.token_file is None else token_of(http.token_file)
    context = None
    if http.tls_cert is not None and http.tls_key is not None:
        context = load_certificate(http.tls_cert, http.tls_key)
    return Access(frozenset(name.lower() for name in http.hosts), token, context)


class Daemon:
    """Everything that runs, and what a signal does to it."""

    def __init__(self, core: Core, load: Load, access: Access) -> None:
        """Put the parts together; nothing runs yet."""
        self.core = core
        self.load = load
        self.access = access
        self.consumer = Consumer(core)
        self.feeding = Feeding(core)
        self.report_writer = ReportWriter(core)
        self.exporter = Exporter(core)
        self.notifier = Notifier()
        self.stop_event = anyio.Event()
        self.app = Guard(make_app(core, self.reload), lambda: self.access)

    async def run(self, opened: socket.socket) -> None:
        """Run until told to stop, drain, checkpoint, and write the report.

        Raises:
            Unavailable: the store could not be written for long, or stopping took too long.
        """
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(self.listen_to_signals)
                await self.consumer.checkpoint()  # what is shown first is all of state, or nothing
                server: Server = await tasks.start(
                    serve_app, self.app, opened, lambda: self.access.context
                )
                tasks.start_soon(self.report_writer.write_regularly)
                tasks.start_soon(self.exporter.run, self.stop_event)
                tasks.start_soon(self.give_signs_of_life)
                tasks.start_soon(self.note_readiness)
                tasks.start_soon(measure_regularly, self.core)
                tasks.start_soon(self.stop_in_time)
                listen = self.core.settings.http.listen
                said = f"usage-stream {__version__} listens on {listen}"
                log_event("info", "started", said, version=__version__, listen=listen)
                self.notifier.tell_ready("catching up")
                await self.ingest()
                server.stop_event.set()
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise first_of(group) from None
        log_event("info", "stopped", "stopped; all that was taken is stored")

    async def ingest(self) -> None:
        """Run sources and consumer until the channel has ended and all of it is stored."""
        async with anyio.create_task_group() as both:
            both.start_soon(self.feeding.run, self.stop_event)
            await self.consumer.consume()
        await self.report_writer.write()

    async def stop_in_time(self) -> None:
        """End the daemon when stopping takes longer than it may.

        Raises:
            Unavailable: it took longer.
        """
        await self.stop_event.wait()
        seconds = self.core.settings.stop_seconds
        await anyio.sleep(seconds)
        raise Unavailable(
            f"not stopped within {seconds:g} seconds (stop_seconds); "
            "pages that no checkpoint has are read again"
        )

    async def listen_to_signals(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Stop at the first SIGINT or SIGTERM, exit at once at the second, reload at SIGHUP."""
        wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        with anyio.open_signal_receiver(*wanted) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    await self.reload()
                    continue
                if self.stop_event.is_set():
                    os._exit(128 + number)  # state moves in whole transactions: nothing is lost
                name = signal.Signals(number).name
                log_event("info", "stopping", f"stopping, as {name} says", signal=name)
                self.notifier.tell_stopping()
                self.stop_event.set()

    async def give_signs_of_life(self) -> None:
        """Tell systemd that the daemon is alive, unless its consumer is stuck."""
        pause = self.notifier.watchdog
        while pause is not None:
            if not self.core.health.stuck:
                self.notifier.tell_alive(self.core.health.why_not_ready() or "ready")
            await anyio.sleep(pause)

    async def note_readiness(self) -> None:
        """Log when the daemon becomes ready, and when it is so no more."""
        while True:
            self.core.health.note_readiness()
            await anyio.sleep(LOOK)

    async def reload(self) -> str | None:
        """Load the configuration again; keep the old one when the new is bad, and say why."""
        self.notifier.tell_reloading()
        try:
            settings = self.load()
            self.refuse_fixed(settings)
            check_directories(settings)
            prepare_outputs(settings)
            if settings.report != self.core.settings.report:
                prepare_file(settings.report)
            access, prices = access_of(settings), prices_of(settings)
        except UsageStreamError as error:
            self.core.status.config_ok = False
            said = f"the configuration stays as it was: {error}"
            self.core.health.note_mishap("reload_failed", said, reason=str(error))
            self.notifier.tell_ready("running with the configuration from before")
            return str(error)
        self.core.status.config_ok = True
        async with self.core.state_lock:  # nothing is worked out by both
            self.core.follow(settings, prices)
        self.access = access
        logs.set_up(settings.log)
        self.feeding.follow(settings)
        self.exporter.follow(settings)
        log_event("info", "reloaded", "the configuration was loaded again")
        self.notifier.tell_ready("reloaded")
        return None

    def refuse_fixed(self, settings: Settings) -> None:
        """Refuse what can only change with a restart.

        Raises:
            BadConfiguration: such a setting has changed.
        """
        now = self.core.settings
        changed = [name for name in FIXED if attrgetter(name)(now) != attrgetter(name)(settings)]
        if changed:
            raise BadConfiguration(f"{', '.join(changed)}: changed, which wants a restart")
