"""How much a test tries: a version of some seconds in the suite, all of it where there is the time."""

import os

PART = int(os.environ.get("AGENTOS_TEST_PART", "8"))
"""Of what could be tried, one in so many: in three in `scripts/test --all`, all in `scripts/prove properties`."""


def examples(whole: int) -> int:
    """So many examples of a property test, of which a part is drawn, ten at least."""
    return min(whole, max(10, whole // PART))
