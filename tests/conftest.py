"""What holds for every run of the tests."""

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.sizes import examples

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
        gc.collect()
        gc.freeze()
