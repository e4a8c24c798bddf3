"""Names that are not too long."""

from collections.abc import Iterator, Sequence
from itertools import combinations

LONGEST = 48
"""Characters of a utility's name and its skill's id together, where both are seen as one name."""
SHORTEST = 16
"""Characters that a name may have however long the id is."""
SMALL = frozenset({"a", "an", "the", "to", "of", "for", "in", "on", "with", "from", "by", "and", "at", "as", "via"})
MOST_WORDS = 12
"""Words of a name that are tried to be left out."""


def room(services: Sequence[str]) -> int:
    """Characters that a name may have beside the id of its skill, the first of `services`."""
    return max(SHORTEST, LONGEST - 1 - len(services[0])) if services else LONGEST


def shortened(name: str, most: int, *, keep: int = 1) -> Iterator[str]:
    """Ways to write a name with at most so many characters: without small words, then without its first ones.

    The verb and the last `keep` words stay as long as that can be.
    """
    verb, *parts = name.split("_")
    middle, last = parts[: max(len(parts) - keep, 0)], parts[max(len(parts) - keep, 0) :]
    if len(name) <= most:
        yield name
        return
    middle = [part for part in middle if part not in SMALL][-MOST_WORDS:]
    found = False
    for count in range(len(middle), -1, -1):
        for kept in sorted(combinations(range(len(middle)), count), reverse=True):
            shorter = "_".join([verb, *(middle[at] for at in kept), *last])
            if len(shorter) <= most:
                found = True
                yield shorter
        if found:
            return
    yield "_".join([verb, *last])[:most].rstrip("_")
