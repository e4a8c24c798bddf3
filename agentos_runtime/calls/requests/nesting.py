"""Maps and lists in forms and queries, which know only names and texts: the ways in which APIs write them.

What a way cannot say without meaning something else is an error, never left out: an empty list, a null in a list,
a name with the way's own separator in it.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from agentos_runtime.calls.requests.urls import HALF, has_half, url_text
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Fields, Items, Node

Pairs: TypeAlias = Iterator[tuple[str, str]]
Path: TypeAlias = tuple[str | int, ...]


class NestingError(ValueError):
    """A field cannot be written in this way; `path` says which, the message why, without its value."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


class HalfError(NestingError):
    """There is half of a character in a text: a caller's, since no manifest holds any."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, HALF)


def nested_pairs(fields: Mapping[str, Json], way: str | None) -> list[tuple[str, str]]:
    """Names and texts of a query or form; a field that is null is left out. Raises NestingError.

    way: `repeat` (also None), `comma`, `brackets`, `empty_brackets`, `dots`.
    """
    write = _WAYS[way or "repeat"]
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        for pair in write((name,), value) if value is not None else ():
            if any(map(has_half, pair)):
                raise HalfError((name,))
            pairs.append(pair)
    return pairs


def without_empty(node: Node | None, value: Json) -> Any:
    """The value without what the author's own maps and lists leave out: nulls, and what has nothing left in it.

    A caller's own null, empty list or object stays: it means something, and a form cannot say it.
    """
    if isinstance(node, Fields) and isinstance(value, dict):
        fields = dict(node.entries)
        below = {name: (fields[name], without_empty(fields[name], item)) for name, item in value.items()}
        return {name: item for name, (child, item) in below.items() if not _is_used_up(child, item)}
    if isinstance(node, Items) and isinstance(value, list):
        whole = len(value) == len(node.entries)
        children: Iterable[Node | None] = node.entries if whole else itertools.repeat(None)
        items = [(child, without_empty(child, item)) for child, item in zip(children, value, strict=False)]
        return [item for child, item in items if item is not None and not _is_used_up(child, item)]
    return value


def _is_used_up(node: Node | None, value: Json) -> bool:
    return isinstance(node, (Fields, Items)) and bool(node.entries) and value in ({}, [])


def outer_name(name: str, way: str | None) -> str:
    """The field whose value a pair's name leads into: `created` of `created[gte]`."""
    separator = {"brackets": "[", "empty_brackets": "[", "dots": "."}.get(way or "")
    return name.partition(separator)[0] if separator else name


def _repeat(path: Path, value: Json) -> Pairs:
    """`tag=a&tag=b`; an empty list says nothing, a null in a list is left out."""
    name = str(path[0])
    for item in value if isinstance(value, list) else [value]:
        if item is None:
            continue
        text = url_text(item)
        if text is None:
            raise NestingError(path, "is an object or a nested list; only single values and lists fit here")
        yield name, text


def _comma(path: Path, value: Json) -> Pairs:
    """`tag=a,b`."""
    if not isinstance(value, list):
        yield str(path[0]), _single(path, value)
        return
    _not_empty(path, value)
    texts = [_single((*path, index), item) for index, item in enumerate(value)]
    for index, text in enumerate(texts):
        if "," in text:
            raise NestingError((*path, index), "has a comma in it, which would make two of it")
    yield str(path[0]), ",".join(texts)


def _brackets(path: Path, value: Json) -> Pairs:
    """`items[0][price]=1`."""
    for below, text in _leaves(path, value, "[]"):
        first, *others = below
        yield f"{first}{''.join(f'[{step}]' for step in others)}", text


def _dots(path: Path, value: Json) -> Pairs:
    """`items.0.price=1`."""
    for below, text in _leaves(path, value, "."):
        yield ".".join(map(str, below)), text


def _empty_brackets(path: Path, value: Json) -> Pairs:
    """`tags[]=a&tags[]=b`, `user[name]=x`: a list holds single values, since nothing tells where an item ends."""
    for below, text in _leaves(path, value, "[]"):
        first, *others = below
        if any(isinstance(step, int) for step in others[:-1]):
            end = next(at for at, step in enumerate(below) if isinstance(step, int))
            raise NestingError(below[: end + 1], "is an object or a list in a list, which needs `nested: brackets`")
        yield f"{first}{''.join('[]' if isinstance(step, int) else f'[{step}]' for step in others)}", text


def _leaves(path: Path, value: Json, separators: str) -> Iterator[tuple[Path, str]]:
    """Each single value below a field, with its path."""
    step = path[-1]
    if isinstance(step, str) and (not step or any(each in step for each in separators)):
        reason = f"has {' or '.join(separators)} in its name" if step else "has no name"
        raise NestingError(path, f"{reason}, which would be read as another place")
    if isinstance(value, (dict, list)):
        _not_empty(path, value)
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in entries:
            yield from _leaves((*path, name), item, separators)
    else:
        yield path, _single(path, value)


def _single(path: Path, value: Json) -> str:
    text = url_text(value)
    if text is None:
        what = "is null" if value is None else "is an object or a list"
        raise NestingError(path, f"{what}, which a form or query cannot say")
    return text


def _not_empty(path: Path, value: dict[str, Json] | list[Json]) -> None:
    if not value:
        what = "list" if isinstance(value, list) else "object"
        raise NestingError(path, f"is an empty {what}, which a form or query cannot say: leave it out")


_WAYS: Mapping[str, Callable[[Path, Json], Pairs]] = {
    "repeat": _repeat,
    "comma": _comma,
    "brackets": _brackets,
    "empty_brackets": _empty_brackets,
    "dots": _dots,
}
