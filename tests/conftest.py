"""What holds for every run of the tests."""

import gc
import os
import shutil
import signal
from collections import Counter
from collections.abc import Generator, Iterator
from functools import cache
from types import SimpleNamespace

import pytest
from hypothesis import settings

from agentos_runtime.config.settings import Settings
from agentos_runtime.server import garbage
from agentos_runtime.skills import opening
from agentos_runtime.skills.kept import this_program
from agentos_runtime.testing import store
from tests import keeping
from tests.memory import use_memory
from tests.sizes import examples

SLOW = 10_000
"""What a slow test counts for beside one that is not, to put modules in order: no module has as many tests."""

# Where nobody can look at what a chance found, the examples are the same each time.
settings.register_profile("suite", max_examples=examples(100), deadline=None, derandomize="CI" in os.environ)
settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """The thousands of tests live to the end: the garbage collector need not look through them all the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)  # as every command of the package does it


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where workers take modules in the order given, those with many slow tests come first."""
    if config.getoption("loadscopereorder", True):
        return
    weights = Counter(item.path for item in items)
    for item in items:
        weights[item.path] += SLOW if item.get_closest_marker("slow") else 0
    items.sort(key=lambda item: -weights[item.path])


def pytest_configure(config: pytest.Config) -> None:
    """The first process of a run makes what the others share."""
    if keeping.VARIABLE not in os.environ:
        use_memory()
        keeping.begin()
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(keeping.VARIABLE), ignore_errors=True))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a run in the background of a shell; programs that it starts would not be interrupted either
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _one_cache() -> Iterator[None]:
    """See tests/keeping.py. Which program this is stays the same: hundreds of files are looked at to know."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "this_program", cache(this_program))
        patch.setattr(Settings, "cache_folder", property(lambda _: keeping.kept()))
        patch.setattr(store, "read_case", keeping.reading_cases())
        yield


@pytest.fixture(scope="session", autouse=True)
def _tests_stay_aside() -> Iterator[None]:
    """A server sets aside what it has loaded, and takes it back: here that would be all the tests."""
    aside = SimpleNamespace(collect=gc.collect, freeze=lambda: None, unfreeze=lambda: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(garbage, "gc", aside)
        yield


@pytest.fixture(scope="module", autouse=True)
def _no_garbage_of_modules_before() -> Iterator[None]:
    """What a module leaves is looked at once, and not again by each of the thousands of tests after it."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each home has its own cache, as it is."""
    monkeypatch.setattr(Settings, "cache_folder", keeping.OWN)
