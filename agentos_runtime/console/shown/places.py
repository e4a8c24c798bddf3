"""Where a skill may use a key, in as few lines as say all of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from agentos_runtime.frozen import dataclass
from agentos_runtime.security.authority import EVERY_METHOD, carried

UNSAID = "an origin that the file does not say"


@dataclass(frozen=True, slots=True)
class Place:
    """An origin, the methods of requests there, what they carry, and who approved that."""

    origin: str
    methods: tuple[str, ...]
    carries: str
    approved_by: str | None


def places(grants: Iterable[Mapping[str, Any]]) -> list[Place]:
    """In the order of the grants."""
    found: dict[tuple[str, str, str | None], dict[str, None]] = {}
    for grant in grants:
        key = (grant["origin"] or UNSAID, carried(grant), grant.get("approved_by"))
        method = "any method" if grant["method"] == EVERY_METHOD else str(grant["method"])
        found.setdefault(key, {})[method] = None
    return [Place(origin, tuple(methods), carries, by) for (origin, carries, by), methods in found.items()]
