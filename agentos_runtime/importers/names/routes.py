"""Operations are told apart by their routes, whatever they are called."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from urllib.parse import quote

Route = tuple[str, str]
"""A method and a path as it is written: what tells operations apart, whatever they are called."""


def sendable(path: str) -> str:
    """The path as it can stand in a url: what a url cannot hold is percent-encoded, but for the names of params."""
    odd = r"\{[^}]*\}|[\s\"<>\\]|[^\x21-\x7e]"
    return re.sub(odd, lambda found: found[0] if found[0].startswith("{") else quote(found[0]), path)


def route(method: str, path: str) -> Route:
    """The same however the names of params are spelled: `/keys/{key-id}` and `/keys/{key_id}`."""
    shape = re.sub(r"\{([^}]*)\}", lambda name: f"{{{re.sub('[^a-z0-9]', '', name[1].lower())}}}", sendable(path))
    return method.upper(), shape.rstrip("/") or "/"


def shape(here: Route) -> Route:
    """The same for `/keys/{hash}` and `/keys/{id}`."""
    return here[0], re.sub(r"\{[^}]*\}", "{}", here[1])


def matching(wanted: Iterable[Route], there: Mapping[Route, list[str]]) -> dict[Route, list[str]]:
    """For each route, the utilities that call it: written alike, or else the only two alike but for names."""
    wanted = [*dict.fromkeys(wanted)]
    found = {here: there[here] for here in wanted if here in there}
    left = [here for here in wanted if here not in found]
    shapes = Counter(map(shape, left))
    others: dict[Route, list[Route]] = {}
    for here in there:
        if here not in found:
            others.setdefault(shape(here), []).append(here)
    for here in left:
        alike = others.get(shape(here), [])
        if shapes[shape(here)] == 1 and len(alike) == 1:
            found[here] = there[alike[0]]
    return found
