"""What a simulated runtime has dependencies: cases for services, stand-ins for keys, a home for a while."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from agentos_runtime.bootstrap import Dependencies
from agentos_runtime.config.settings import Settings
from agentos_runtime.resources import read_schema
from agentos_runtime.runtime.clocks import Clocks
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.security.login.renewing import Renewals
from agentos_runtime.skills.files import skill_folders
from agentos_runtime.skills.registry import Registry
from agentos_runtime.storage.turns import FileTurns
from agentos_runtime.testing.fake_credentials import EverythingApproved, FakeCredentials
from agentos_runtime.testing.model import Case
from agentos_runtime.testing.schema import CaseSchema
from agentos_runtime.testing.simulate import Chooser, Pause, SimulatedUpstream, no_pause
from agentos_runtime.testing.store import CaseStore
from agentos_runtime.testing.tokens import SimulatedTokens

LONGEST_WAIT = 0.01
"""Seconds."""


class SkippedTime:
    """Time in which whoever waits for long is there soon: a job's looks come at once, and its deadline as well."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def clocks(self) -> Clocks:
        return Clocks(monotonic=self._monotonic, sleep=self._sleep)

    def _monotonic(self) -> float:
        return time.monotonic() + self._skipped

    async def _sleep(self, seconds: float) -> None:
        self._skipped += max(0.0, seconds - LONGEST_WAIT)
        await asyncio.sleep(min(seconds, LONGEST_WAIT))


def simulation(
    *,
    pause: Pause = no_pause,
    clocks: Clocks | None = None,
    chooser: Chooser | None = None,
    seen: Callable[[CaseStore], object] | None = None,
    home: Path | None = None,
    cases: Callable[[], Iterable[Case]] | None = None,
    tokens: Callable[[SimulatedTokens], object] = lambda kept: None,
    strict: bool = False,
) -> Callable[[Registry], Dependencies]:
    """For `open_runtime(dependencies=…)`: every call is answered by a case of the registry's skills.

    clocks: the time that calls see, the real one unless given.
    chooser: who picks the case, instead of the store. seen: is handed the store once there is one.
    home: where tokens are kept that cases have services give; without it none is asked for. cases: those that count
    for that, all unless given. tokens: is handed what keeps them. strict: only the very request of a case is
    answered; without it the nearest answers.
    """

    def dependencies(registry: Registry) -> Dependencies:
        store = CaseStore(registry, case_schema())
        if seen is not None:
            seen(store)
        kept = SimulatedTokens(home, registry, cases or store.cases) if home is not None else None
        broker = CredentialBroker(FakeCredentials(kept), EverythingApproved())
        upstream = SimulatedUpstream(chooser or store, pause=pause, tokens=kept, strict=strict)
        renewals = None
        if kept is not None:
            tokens(kept)
            renewals = Renewals(kept.store, upstream, broker, FileTurns(kept.folder), wall=time.time)
        return Dependencies(upstream, broker, clocks or Clocks(), renewals=renewals)

    return dependencies


def case_schema() -> CaseSchema:
    """The schema that ships with the runtime."""
    return CaseSchema(read_schema("case"))


@contextmanager
def home_for_a_while(settings: Settings) -> Iterator[Settings]:
    """The same skills in a home that is gone afterwards, so that nothing simulated stands among what is real."""
    folders = tuple(folder.path for folder in skill_folders(settings))
    with TemporaryDirectory(prefix="agentos-") as folder:
        yield replace(
            settings,
            home=Path(folder) / "home",
            other_homes=(*settings.other_homes, settings.home),
            skills=folders,
            only_skills=True,
            keyring=False,
        )
