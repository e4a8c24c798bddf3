"""Garbage is looked for when memory has grown; what skills brought is set aside, and not forgotten."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from agentos_runtime.server import garbage
from agentos_runtime.server.garbage import Collector


class Ring:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def set_aside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the tests before left is not looked at, and what this one leaves is not looked at after it."""
    monkeypatch.setattr(garbage, "gc", gc)
    gc.disable()
    yield
    gc.enable()
    gc.freeze()


def loaded_collector(grown: int) -> Collector:
    """One that has seen the end of loading."""
    loading = [True, False]
    collector = Collector(lambda: loading.pop(0) if loading else False, grown)
    collector.look(idle=False)
    gc.unfreeze()
    collector.look(idle=False)
    return collector


def test_what_is_there_once_skills_are_loaded_is_set_aside() -> None:
    loaded_collector(1 << 40)
    assert gc.get_freeze_count() > 1000


@pytest.mark.slow
def test_what_was_set_aside_and_is_garbage_now_goes_when_nothing_is_under_way() -> None:
    ring = Ring()
    alive = weakref.ref(ring)
    collector = loaded_collector(0)
    del ring
    collector.look(idle=False)
    assert alive() is not None, "calls under way do not wait for a look at everything"
    collector.look(idle=True)
    assert alive() is None
    assert gc.get_freeze_count() > 1000, "what is left is set aside again"
