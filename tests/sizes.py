"""How much a test tries: a version of some seconds in the suite, all of it where there is the time."""

import os

WHOLE = os.environ.get("AGENTOS_TEST_WHOLE") == "1"
"""Set by `scripts/test --all` and by `scripts/mutants`."""


def examples(whole: int) -> int:
    """So many examples of a property test, of which the suite draws an eighth."""
    return whole if WHOLE else max(10, whole // 8)
