"""What the strings of a manifest became when it was loaded: values that a call walks."""

from typing import TypeAlias

from agentos_runtime.diagnostics import Place
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json


@dataclass(frozen=True, slots=True)
class Literal:
    """A value sent as it stands."""

    value: Json


@dataclass(frozen=True, slots=True)
class PlainPath:
    """jq that is only a path (`.params.model`, `.choices[0].message`): walked in Python, same answers as jq."""

    steps: tuple[str | int, ...]
    source: str
    place: Place


@dataclass(frozen=True, slots=True)
class Jq:
    """A jq expression that runs in a worker."""

    source: str
    place: Place
    auth_fields: frozenset[str] = frozenset()
    """The credential's fields that the source names (`.auth.key`), or the definitions that it uses do."""
    base: str = ""
    """Stands before what a url's expression gives, which must begin with `/`; empty for a whole url."""
    needed: frozenset[str] = frozenset()
    """Of a url: the params that stand in it as they are."""


@dataclass(frozen=True, slots=True)
class UrlTemplate:
    """A literal url in which `{name}` is one percent-encoded param and `{+name}` keeps its slashes.

    `parts` alternates: a str is literal text, a TemplateParam is filled in.
    """

    parts: tuple["str | TemplateParam", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class TemplateParam:
    name: str
    keep_slashes: bool = False


@dataclass(frozen=True, slots=True)
class Fields:
    """A walked map, in the author's order; a field whose value comes out null or empty is left out."""

    entries: tuple[tuple[str, "Node"], ...]


NO_FIELDS = Fields(())


@dataclass(frozen=True, slots=True)
class Items:
    """A walked list."""

    entries: tuple["Node", ...]


Node: TypeAlias = Literal | PlainPath | Jq | UrlTemplate | Fields | Items
Expression: TypeAlias = PlainPath | Jq
