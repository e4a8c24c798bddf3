"""The skills of a home, opened: for a runtime, or only to be looked at."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

from agentos_runtime.config.settings import Settings
from agentos_runtime.jq.checking import Checkable, Unfinished, Verdict
from agentos_runtime.jq.pool import JqUnusable, WorkerPool
from agentos_runtime.manifest.result import ShapeCheck
from agentos_runtime.resources import read_schema
from agentos_runtime.security.bundled import read_bundled
from agentos_runtime.security.credentials.store import KeyringError
from agentos_runtime.security.opening import open_broker
from agentos_runtime.skills.catalog import Catalog
from agentos_runtime.skills.checks import ExpressionChecker
from agentos_runtime.skills.files import skill_folders
from agentos_runtime.skills.kept import KeptSkills, this_program
from agentos_runtime.skills.registry import Registry
from agentos_runtime.skills.visibility import VisibleSkills
from agentos_runtime.storage.cache import Cache
from agentos_runtime.storage.private_files import PrivateFileError
from agentos_runtime.storage.sqlite.files import NewerFile

if TYPE_CHECKING:
    from agentos_runtime.manifest.report import Report
    from agentos_runtime.manifest.yaml.values import Cursor

SCHEMA = "agentos_runtime.manifest.schema"
UNUSABLE = (JqUnusable, KeyringError, NewerFile, PrivateFileError)
"""What can be missing or refused when a home is opened; each message says what to do."""


def open_cache(settings: Settings) -> Cache:
    """What earlier processes of this home, and of this very program, made of the same texts."""
    return Cache(settings.cache_folder, this_program, settings.user_cache)


def open_registry(settings: Settings, checker: ExpressionChecker, cache: Cache) -> Registry:
    """All skills that the settings name, not loaded yet; to be closed."""
    shipped = {digest for each in read_bundled().values() for digest in (each.digest, *each.files)}
    folders, kept = skill_folders(settings), KeptSkills(cache)
    return Registry(folders, checker, _Shapes(), settings=settings.skill_settings, shipped=shipped, kept=kept)


class _Shapes:
    """ManifestSchema, loaded with the first text that is not known to be right: jsonschema takes long to import."""

    def check(self, root: "Cursor", report: "Report") -> None:
        self._schema.check(root, report)

    def check_part(self, root: "Cursor", report: "Report") -> None:
        self._schema.check_part(root, report)

    @cached_property
    def _schema(self) -> ShapeCheck:
        schema: ShapeCheck = import_module(SCHEMA).ManifestSchema(read_schema("manifest"))
        return schema


@asynccontextmanager
async def open_catalog(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[Catalog]:
    """Everything that could be called, loaded once: no network, no ledger, a worker only for what must be checked.

    Raises PrivateFileError, KeyringError, JqUnusable.
    """
    async with LazyChecker() as checker:
        with closing(open_registry(settings, checker, open_cache(settings))) as registry:
            broker = open_broker(settings, environ)
            await registry.refresh()
            if checker.unusable is not None:
                raise checker.unusable
            yield Catalog(VisibleSkills(registry), broker)


class LazyChecker:
    """Starts its worker process at the first expression that is to be checked.

    Where none can be started, nothing is known of any expression, and `unusable` says why.
    """

    def __init__(self) -> None:
        self.unusable: JqUnusable | None = None
        self._opened = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._pool: WorkerPool | None = None

    async def __aenter__(self) -> "LazyChecker":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._opened.aclose()

    async def check(self, expressions: Sequence[Checkable]) -> Sequence[Verdict]:
        if not expressions:
            return ()
        async with self._starting:  # several skills are loaded at the same time
            if self._pool is None and self.unusable is None:
                try:
                    self._pool = await self._opened.enter_async_context(WorkerPool(size=0))
                except JqUnusable as error:
                    self.unusable = error
        if self._pool is None:
            return [Unfinished(str(self.unusable), at_limit=False)] * len(expressions)
        return await self._pool.check(expressions)
