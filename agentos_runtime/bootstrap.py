"""The one place where the parts meet."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from agentos_runtime.activity.ledger import Ledger
from agentos_runtime.activity.queries import ActivityReader
from agentos_runtime.approvals import Approvals
from agentos_runtime.authority import Authority, authority_of
from agentos_runtime.breakers import Breakers, read_breaker
from agentos_runtime.credentials.opening import open_credentials
from agentos_runtime.expressions.pool import WorkerPool
from agentos_runtime.idempotency import store
from agentos_runtime.idempotency.replays import Replays, read_replays
from agentos_runtime.lanes import Lanes, read_lanes
from agentos_runtime.limits import tables
from agentos_runtime.limits.counters import Counters, Spent
from agentos_runtime.limits.enforcement import Limits
from agentos_runtime.limits.rules import NANO
from agentos_runtime.limits.source import RuleSource
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.private_files import PrivateFile, make_private_folder
from agentos_runtime.resources import read_schema, skills_folder
from agentos_runtime.runtime import Runtime, ports
from agentos_runtime.runtime.safeguards import Safeguards
from agentos_runtime.settings import Settings, SettingsError
from agentos_runtime.shared_database import SharedDatabase
from agentos_runtime.skills import Registry, SkillFolder, read_skill, skill_files
from agentos_runtime.upstream import Upstream
from agentos_runtime.vault import Vault

PLATFORMS: Mapping[str, str] = {"linux": "linux", "darwin": "macos"}


class BundledAuthorities(Mapping[str, Authority]):
    """What the skills that ship with the runtime may do; each file is read when it is first asked about.

    The files on disk decide, not what is served under their ids: a folder of the operator's may come first.
    """

    def __init__(self, folder: Path, schema: ManifestSchema) -> None:
        self._folder = folder
        self._schema = schema
        self._files = {file.parent.name: file for file in skill_files(folder)}
        self._known: dict[str, Authority] = {}

    def __getitem__(self, skill_id: str) -> Authority:
        if skill_id not in self._known:
            skill = read_skill(self._files[skill_id], self._schema).skill
            self._known[skill_id] = authority_of(skill) if skill else Authority()
        return self._known[skill_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def skill_folders(settings: Settings) -> tuple[SkillFolder, ...]:
    """The folders skills are loaded from; what ships with the runtime is bundled wherever it is named."""
    bundled = skills_folder()
    paths = settings.skills or (settings.home / "skills", bundled)
    return tuple(SkillFolder(path, path.resolve() == bundled.resolve()) for path in paths)


def check_platform(platform: str = sys.platform) -> str:
    """`linux` or `macos`. Raises SettingsError elsewhere."""
    name = PLATFORMS.get(platform)
    if name is None:
        raise SettingsError(f"agentos-runtime runs on Linux and macOS, whose sandboxes it needs, not on {platform}")
    return name


def open_approvals(settings: Settings, schema: ManifestSchema) -> Approvals:
    """What was approved: bundled, rewritten, or in `agentos.lock`."""
    bundled = BundledAuthorities(skills_folder(), schema)
    return Approvals(PrivateFile(settings.lock_file), bundled=bundled, rewrite=settings.rewrite)


@dataclass(frozen=True, slots=True)
class Outside:
    """What a runtime reaches beyond itself: the services that it calls, and the keys that it shows them."""

    upstream: ports.Upstream
    vault: Vault


@asynccontextmanager
async def real_outside(
    settings: Settings, environ: Mapping[str, str], schema: ManifestSchema
) -> AsyncIterator[Outside]:
    """The network, and the operator's keys and approvals. Raises PrivateFileError, KeyringError."""
    vault = Vault(open_credentials(settings, environ), open_approvals(settings, schema))
    async with Upstream(settings) as upstream:
        yield Outside(upstream, vault)


def spent_of(settings: Settings) -> Spent:
    """What the ledger knows of what was spent."""
    reader = ActivityReader(settings.activity_file)

    def spent(agent: str | None, since: float) -> tuple[int, int]:
        tokens, cost = reader.spent(agent, since)
        return tokens, round(cost * NANO)

    return spent


@contextmanager
def open_safeguards(settings: Settings) -> Iterator[Safeguards]:
    """Limits, lanes, breakers and replays as `config.toml` wants them; files are made when they are needed.

    Raises SettingsError.
    """
    file = settings.config_file
    rules = RuleSource(file, settings.limits)
    lanes = Lanes(read_lanes(settings.fairness, file, settings.max_connections))
    breakers = Breakers(read_breaker(settings.breaker, file))
    kept = read_replays(settings.idempotency, file)
    limits = Limits(rules, Counters(SharedDatabase(settings.limits_file, tables.SCHEMA), spent_of(settings)))
    replays = Replays(kept, SharedDatabase(settings.idempotency_file, store.SCHEMA))
    try:
        yield Safeguards(limits, lanes, breakers, replays)
    finally:
        limits.close()
        replays.close()


@asynccontextmanager
async def open_runtime(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    watch: bool = True,
    outside: Callable[[Registry], Outside] | None = None,
) -> AsyncIterator[Runtime]:
    """A runtime with its skills loaded; closed with the block.

    watch: go on looking for changed skill files. outside: makes, for the skills there are, what stands in for the
    network and the operator's keys; nothing of those is opened or read. Raises SettingsError, PrivateFileError,
    LedgerRefused and WorkersUnavailable when something it cannot do without is missing.
    """
    platform = check_platform()
    make_private_folder(settings.home)
    schema = ManifestSchema(read_schema("manifest"))
    async with WorkerPool() as workers:
        registry = Registry(skill_folders(settings), workers, schema, settings=settings.skill_settings)
        reaching = nullcontext(outside(registry)) if outside else real_outside(settings, environ, schema)
        async with reaching as reached:
            with Ledger(settings.activity_file) as ledger, open_safeguards(settings) as safeguards:
                await registry.refresh()
                async with _watching(registry) if watch else nullcontext():
                    yield Runtime(
                        registry=registry,
                        workers=workers,
                        vault=reached.vault,
                        upstream=reached.upstream,
                        ledger=ledger,
                        safeguards=safeguards,
                        platform=platform,
                        max_reply=settings.max_reply,
                    )


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
