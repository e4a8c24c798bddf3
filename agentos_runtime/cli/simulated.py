"""`agentos serve --simulate`: loaded only when it is asked for, since cases bring jsonschema along."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from agentos_runtime.bootstrap import Dependencies
from agentos_runtime.config.settings import Settings
from agentos_runtime.skills.registry import Registry
from agentos_runtime.testing.simulate import short_pause
from agentos_runtime.testing.simulation import home_for_a_while, simulation
from agentos_runtime.testing.store import CaseStore


def home(settings: Settings) -> AbstractContextManager[Settings]:
    """The settings with a home that is removed after the block."""
    return home_for_a_while(settings)


def dependencies(stores: list[CaseStore], folder: Path, *, strict: bool) -> Callable[[Registry], Dependencies]:
    """What stands in for the network and the operator's keys; the cases that answer are added to `stores`.

    strict: nothing but the very request of a case is answered.
    """
    return simulation(pause=short_pause, seen=stores.append, home=folder, strict=strict)
