"""The one place where the parts meet."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    asynccontextmanager,
    closing,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import field
from functools import partial
from importlib import import_module
from typing import Any

from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.executors.running import Executors
from agentos_runtime.frozen import dataclass
from agentos_runtime.http_client import Upstream
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.limits.circuit_breaker import CircuitBreakers, read_circuit_breaker
from agentos_runtime.limits.concurrency import ConcurrencyLimiter, read_concurrency
from agentos_runtime.limits.counters import Counters
from agentos_runtime.limits.enforcement import Limits
from agentos_runtime.limits.idempotency.answers import LocalAnswers
from agentos_runtime.limits.idempotency.replays import Replays, read_replays
from agentos_runtime.limits.rules import NANO
from agentos_runtime.limits.source import RuleSource
from agentos_runtime.metrics.settings import read_telemetry
from agentos_runtime.runtime import Runtime, ports
from agentos_runtime.runtime.answering.local import LocalParts
from agentos_runtime.runtime.clocks import Clocks
from agentos_runtime.runtime.home.parts import Home, OperatorKeys
from agentos_runtime.runtime.safeguards import Safeguards
from agentos_runtime.runtime.telling.exporting import Exporter, Traces
from agentos_runtime.runtime.transport import TokenTransport
from agentos_runtime.security.agents import Agents
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.security.credentials.opening import open_credentials, open_store
from agentos_runtime.security.login.renewing import Renewals
from agentos_runtime.security.opening import open_approvals
from agentos_runtime.skills.opening import open_cache, open_registry
from agentos_runtime.skills.pinning import Pinning
from agentos_runtime.skills.registry import Registry
from agentos_runtime.storage.activity.keeping import kept_for, read_activity
from agentos_runtime.storage.activity.ledger import Ledger
from agentos_runtime.storage.activity.pruning import prune
from agentos_runtime.storage.activity.queries import ActivityReader
from agentos_runtime.storage.files import file_of, with_database
from agentos_runtime.storage.private_files import make_private_folder
from agentos_runtime.storage.turns import FileTurns
from agentos_runtime.waiting.desk import Desk
from agentos_runtime.waiting.notifying import Notifier, read_notify

STARTING = 3.0
"""Seconds after which a server opens although skills are still being loaded; calls for those wait a while."""
STARTING_WITH_MANY = 0.5
"""The same with more than `MANY` that are yet to be read."""
MANY = 20
PLATFORMS: Mapping[str, str] = {"linux": "linux", "darwin": "macos"}


def check_platform(platform: str = sys.platform) -> str:
    """`linux` or `macos`. Raises SettingsError elsewhere."""
    name = PLATFORMS.get(platform)
    if name is None:
        raise SettingsError(f"agentos-runtime runs on Linux and macOS, whose sandboxes it needs, not on {platform}")
    return name


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a runtime reaches beyond itself: the services that it calls, and the keys that it shows them."""

    renewals: Renewals | None = field(default=None, kw_only=True)
    """None where credentials do not end."""
    keys: OperatorKeys | None = field(default=None, kw_only=True)
    """None where they are made up."""
    machine: LocalParts | None = field(default=None, kw_only=True)
    """None where cases answer for programs of this machine."""
    upstream: ports.Upstream
    broker: CredentialBroker
    clocks: Clocks = field(default_factory=Clocks)


@asynccontextmanager
async def real_dependencies(
    settings: Settings, environ: Mapping[str, str], circuit_breakers: CircuitBreakers, shared: Any = None
) -> AsyncIterator[Dependencies]:
    """The network, and the operator's keys and approvals; shared: the database that they may stand in.

    Raises PrivateFileError, KeyringError.
    """
    pinning = Pinning(environ, check_platform())
    keys = OperatorKeys(open_credentials(settings, environ), open_approvals(settings), pinning)
    broker = CredentialBroker(keys.credentials, keys.approvals)
    store = open_store(settings)
    for problem in store.problems():
        logging.getLogger("agentos.credentials").warning("%s", problem)
    async with Upstream(settings) as upstream:
        asking = TokenTransport(upstream, circuit_breakers)
        turns, wall = (shared.turns, shared.now) if shared else (FileTurns(settings.home), time.time)
        async with Renewals(store, asking, broker, turns, wall=wall) as renewals:
            machine = LocalParts(Executors(), pinning)
            yield Dependencies(upstream, broker, Clocks(wall=wall), renewals=renewals, keys=keys, machine=machine)


class SpentInLedger:
    """What the ledger knows of what was spent, as limits count it."""

    def __init__(self, settings: Settings) -> None:
        self._reader = ActivityReader(settings.activity_file)

    def since(self, agent: str | None, moment: float, without: Collection[int] = ()) -> tuple[int, int]:
        tokens, cost = self._reader.spent(agent, moment, without)
        return tokens, round(cost * NANO)

    def by(self, row: int, agent: str) -> tuple[int, int]:
        tokens, cost = self._reader.spent_by(row, agent)
        return tokens, round(cost * NANO)


@contextmanager
def open_safeguards(settings: Settings, shared: Any = None) -> Iterator[Safeguards]:
    """Limits of all kinds and replays as `config.toml` wants them; files are made when they are needed.

    shared: what a database holds in their place. Raises SettingsError, and NewerFile for a file of a newer version.
    """
    file = settings.config_file
    concurrency = ConcurrencyLimiter(read_concurrency(settings.fairness, file, settings.max_connections))
    circuit_breakers = CircuitBreakers(read_circuit_breaker(settings.breaker, file))
    kept = read_replays(settings.idempotency, file)
    if shared is not None:
        limits = Limits(shared.rules, shared.counters, clock=shared.now)
        replays = Replays(kept, shared.answers(kept))
    else:
        rules = RuleSource(file, settings.limits)
        counters = Counters(
            settings.limits_file, SpentInLedger(settings), lambda agent: rules.current().subjects(agent)
        )
        limits = Limits(rules, counters)
        replays = Replays(kept, LocalAnswers(settings.idempotency_file, kept.room))
    try:
        limits.check_version()
        replays.check_version()
        yield Safeguards(limits, concurrency, circuit_breakers, replays)
    finally:
        limits.close()
        replays.close()


@contextmanager
def open_limits(settings: Settings) -> Iterator[Limits]:
    """The limits and what is used of them, to be looked at where no server runs. Raises as open_safeguards."""
    if settings.database is None:
        with open_safeguards(settings) as safeguards:
            yield safeguards.limits
        return
    with closing(_replicas().looked_at(with_database(settings))) as limits:
        yield limits


def rotate(settings: Settings) -> tuple[int, Mapping[str, int], Mapping[str, int]]:
    """Seal what the database holds anew under the first master key. See `replicas.rotate`."""
    told: tuple[int, Mapping[str, int], Mapping[str, int]] = _replicas().rotate(with_database(settings))
    return told


@asynccontextmanager
async def open_runtime(
    settings: Settings | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    watch: bool = True,
    dependencies: Callable[[Registry], Dependencies] | None = None,
) -> AsyncIterator[Runtime]:
    """A runtime with its skills loaded; closed with the block.

    settings: as `agentos` reads them where none are given. environ: variables in which keys may stand, else the
    process's own. watch: go on looking for changed skill files. dependencies: makes, for the skills there are, what
    stands in for the network and the operator's keys; nothing of those is opened or read. Raises SettingsError,
    PrivateFileError, NewerFile, KeyringError and JqUnusable when something it cannot do without is missing.
    """
    environ = os.environ if environ is None else environ
    settings = Settings.from_environ(environ) if settings is None else settings
    platform = check_platform()
    make_private_folder(settings.home)
    cache = open_cache(settings)
    async with (
        _sharing(settings, serves=watch) as (settings, shared),
        WorkerPool(mode=settings.jq, kept=cache) as workers,
    ):
        registry = open_registry(settings, workers, cache)
        with open_safeguards(settings, shared) as safeguards, closing(registry):
            reaching = (
                nullcontext(dependencies(registry))
                if dependencies
                else real_dependencies(settings, environ, safeguards.circuit_breakers, shared)
            )
            async with reaching as reached, _traces(settings) as traces:
                desk = _open_desk(settings, shared, reached.clocks)
                notifier = Notifier(read_notify(settings.notify, settings.config_file), environ)
                recording = shared.ledger if shared else Ledger(settings.activity_file)
                with recording as ledger, closing(desk), closing(notifier):
                    desk.check_version()
                    desk.listen(notifier.tell)
                    await _load(registry, shared, watch=watch)
                    kept = _keeping(settings, shared, reached.clocks)
                    async with _watching(registry) if watch else nullcontext(), kept if watch else nullcontext():
                        runtime = Runtime(
                            registry=registry,
                            workers=workers,
                            broker=reached.broker,
                            renewals=reached.renewals,
                            machine=reached.machine,
                            upstream=reached.upstream,
                            ledger=ledger,
                            home=Home(settings, Agents(file_of(settings, settings.agents_file)), reached.keys),
                            safeguards=safeguards,
                            desk=desk,
                            notifier=notifier,
                            platform=platform,
                            clocks=reached.clocks,
                            max_reply=settings.max_reply,
                            traces=traces,
                            unready=shared.unready if shared else None,
                        )
                        async with aclosing(runtime):
                            yield runtime


def _keeping(settings: Settings, shared: Any, clocks: Clocks) -> AbstractAsyncContextManager[None]:
    """Old activity is dropped while the block runs, where the settings say so. Raises SettingsError."""
    kept = read_activity(settings.activity, settings.config_file)
    local = partial(prune, settings.activity_file)
    return kept_for(kept.keep, shared.prune if shared else local, clocks.wall)


@asynccontextmanager
async def _traces(settings: Settings) -> AsyncIterator[Traces]:
    """Who gets to know the traces of calls; a collector does past simulations, too. Raises SettingsError."""
    telemetry = read_telemetry(settings.telemetry, settings.config_file)
    if telemetry.otlp_endpoint is None:
        yield Traces(told=telemetry.propagate)
        return
    async with Upstream(settings) as upstream, Exporter(upstream, telemetry.otlp_endpoint) as exporter:
        yield Traces(exporter, telemetry.propagate)


def _replicas() -> Any:
    """What knows of a database: loaded where there is one."""
    return import_module("agentos_runtime.replicas")


def _open_desk(settings: Settings, shared: Any, clocks: Clocks) -> Desk:
    """Over the home's file, or over what a database holds in its place."""
    if shared is None:
        return Desk(settings.waiting_file, clock=clocks.wall, sleep=clocks.sleep)
    desk: Desk = shared.desk(settings.waiting_file, clocks.sleep)
    return desk


@asynccontextmanager
async def _sharing(settings: Settings, *, serves: bool) -> AsyncIterator[tuple[Settings, Any]]:
    """The settings, and what replicas share; None when there is no database. Raises SettingsError."""
    if settings.database is None:
        yield settings, None
        return
    settings = with_database(settings)
    async with _replicas().open_shared(settings, patient=serves) as opened:
        yield opened


async def _load(registry: Registry, shared: Any, *, watch: bool) -> None:
    """All skills; what is watched may be loaded later, and is not waited for when there is much of it.

    shared: other replicas learn what is served here.
    """
    if shared is not None:
        shared.replica.digest = registry.digest
    await registry.refresh(STARTING_WITH_MANY if watch else None)
    if watch and 0 < len(registry.loading) <= MANY:
        await registry.refresh(STARTING - STARTING_WITH_MANY)


@asynccontextmanager
async def _watching(registry: Registry) -> AsyncIterator[None]:
    """Changed skill files are loaded while the block runs."""
    watching = asyncio.create_task(registry.watch())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
