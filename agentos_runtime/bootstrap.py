"""The one place where the parts meet."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from agentos_runtime.activity.ledger import Ledger
from agentos_runtime.approvals import Approvals
from agentos_runtime.authority import Authority, authority_of
from agentos_runtime.credentials.lookup import Credentials
from agentos_runtime.credentials.store import CredentialStore, Keyring
from agentos_runtime.expressions.pool import WorkerPool
from agentos_runtime.manifest.load import load_skill
from agentos_runtime.private_files import PrivateFile, make_private_folder
from agentos_runtime.resources import skills_folder
from agentos_runtime.runtime import Runtime
from agentos_runtime.settings import Settings, SettingsError
from agentos_runtime.skills import SKILL_FILES, Registry, SkillFolder
from agentos_runtime.upstream import Upstream
from agentos_runtime.vault import Vault

PLATFORMS: Mapping[str, str] = {"linux": "linux", "darwin": "macos"}


class BundledAuthorities(Mapping[str, Authority]):
    """What the skills that ship with the runtime may do; each file is read when it is first asked about.

    The files on disk decide, not what is served under their ids: a folder of the operator's may come first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Authority | None] = {}

    def __getitem__(self, skill_id: str) -> Authority:
        if skill_id not in self._known:
            self._known[skill_id] = self._read(skill_id)
        authority = self._known[skill_id]
        if authority is None:
            raise KeyError(skill_id)
        return authority

    def __iter__(self) -> Iterator[str]:
        return (child.name for child in sorted(self._folder.iterdir()) if child.name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _read(self, skill_id: str) -> Authority | None:
        folder = self._folder / skill_id
        if Path(skill_id).name != skill_id or not folder.is_dir():
            return None
        for name in SKILL_FILES:
            file = folder / name
            if file.is_file():
                skill = load_skill(file.read_bytes(), file=file, folder=folder, siblings=()).skill
                return authority_of(skill) if skill and skill.id == skill_id else None
        return None


def skill_folders(settings: Settings) -> tuple[SkillFolder, ...]:
    """The folders skills are loaded from; what ships with the runtime is bundled wherever it is named."""
    bundled = skills_folder()
    paths = settings.skills or (settings.home / "skills", bundled)
    return tuple(SkillFolder(path, path.resolve() == bundled.resolve()) for path in paths)


def check_platform(platform: str = sys.platform) -> str:
    """`linux` or `macos`. Raises SettingsError elsewhere."""
    name = PLATFORMS.get(platform)
    if name is None:
        raise SettingsError(f"agentos-runtime runs on Linux and macOS, not on {platform}: its sandbox needs one of them")
    return name


def open_credentials(settings: Settings, environ: Mapping[str, str]) -> Credentials:
    """The environment's and the stored credentials. Raises SettingsError when the keyring is wanted and not there."""
    store = CredentialStore(PrivateFile(settings.credentials_file), _keyring() if settings.keyring else None)
    return Credentials(environ, store)


def open_approvals(settings: Settings) -> Approvals:
    """What was approved: bundled, rewritten, or in `agentos.lock`."""
    bundled = BundledAuthorities(skills_folder())
    return Approvals(PrivateFile(settings.lock_file), bundled=bundled, rewrite=settings.rewrite)


@asynccontextmanager
async def open_runtime(
    settings: Settings, environ: Mapping[str, str], *, watch: bool = True
) -> AsyncIterator[Runtime]:
    """A runtime with its skills loaded; closed with the block.

    watch: go on looking for changed skill files. Raises SettingsError, PrivateFileError, LedgerRefused and
    WorkersUnavailable when something it cannot do without is missing.
    """
    platform = check_platform()
    make_private_folder(settings.home)
    vault = Vault(open_credentials(settings, environ), open_approvals(settings))
    async with WorkerPool() as workers, Upstream(settings) as upstream:
        registry = Registry(skill_folders(settings), workers, settings=settings.skill_settings)
        with Ledger(settings.activity_file) as ledger:
            await registry.refresh()
            watching = asyncio.create_task(registry.watch()) if watch else None
            try:
                yield Runtime(
                    registry=registry,
                    workers=workers,
                    vault=vault,
                    upstream=upstream,
                    ledger=ledger,
                    platform=platform,
                    max_event=settings.max_reply,
                )
            finally:
                if watching:
                    watching.cancel()
                    with suppress(asyncio.CancelledError):
                        await watching


def _keyring() -> Keyring:
    module = importlib.import_module("agentos_runtime.credentials.keyring")
    keyring: Keyring = module.SystemKeyring()
    return keyring
