"""What an expression is made of. Nodes are compared by identity, so that what is known of one can be kept."""

from typing import Literal, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """`.`"""


@dataclass(frozen=True, slots=True, eq=False)
class Const:
    """A literal: null, true, false, a number, a text, `[]` or `{}`."""

    value: Json


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """`$name`, without the sign."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """A value that has a name in the generated code already; only generators make it, so nothing a skill wrote can
    mean it."""

    code: str


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """`target[key]` and `target.key`; the key is evaluated over the input of the whole."""

    target: "Node"
    key: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """`target[low:high]`"""

    target: "Node"
    low: "Node | None"
    high: "Node | None"


@dataclass(frozen=True, slots=True, eq=False)
class Each:
    """`target[]`"""

    target: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Recurse:
    """`..`"""


@dataclass(frozen=True, slots=True, eq=False)
class Pipe:
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Comma:
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Alternative:
    """`left // right`"""

    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Logic:
    operator: Literal["and", "or"]
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Compare:
    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic:
    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Negate:
    body: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Assign:
    """`path operator value`, where the operator ends in `=`."""

    operator: str
    path: "Node"
    value: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Delete:
    """`del(path)`"""

    path: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Try:
    """`body?`, or `try body catch handler`."""

    body: "Node"
    handler: "Node | None"


@dataclass(frozen=True, slots=True, eq=False)
class If:
    condition: "Node"
    then: "Node"
    otherwise: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Empty:
    """No output."""


@dataclass(frozen=True, slots=True, eq=False)
class Fail:
    """`error` of any kind."""


@dataclass(frozen=True, slots=True, eq=False)
class First:
    """The first output of the body, if there is one; nothing after it is evaluated."""

    body: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Some:
    """Whether the body gives a value that is true, or, with `wanted` False, one that is not: the first decides."""

    body: "Node"
    wanted: bool


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """`range(low; high)`"""

    low: "Node"
    high: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Sum:
    """`add(body)`"""

    body: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class MapValues:
    body: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class ByKey:
    """`sort_by(key)` and the like."""

    name: str
    key: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    body: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    entries: "tuple[tuple[Node, Node], ...]"


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A text with interpolations: texts and nodes, and what is done with their values, `@text` mostly."""

    parts: "tuple[str | Node, ...]"
    form: str = "@text"


@dataclass(frozen=True, slots=True, eq=False)
class Bind:
    """`source as pattern | body`"""

    source: "Node"
    pattern: "Pattern"
    body: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Reduce:
    source: "Node"
    pattern: "Pattern"
    start: "Node"
    update: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Foreach:
    source: "Node"
    pattern: "Pattern"
    start: "Node"
    update: "Node"
    extract: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Define:
    """`def name(params): body;`; a param with a `$` in front is a value."""

    name: str
    params: tuple[str, ...]
    body: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Let:
    define: Define
    body: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A function that may be the skill's own, a param of it, or jq's."""

    name: str
    args: "tuple[Node, ...]"
    is_jqs: bool = False
    """It is jq's, whatever the skill calls so: jq's functions that are made of others do not see the skill's."""


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """`[a, b]` or `{key: a}` as a pattern: each key with what is bound to its value."""

    entries: "tuple[tuple[str | int, Pattern], ...]"


Pattern: TypeAlias = str | Names
Node: TypeAlias = (
    Identity
    | Const
    | Variable
    | Evaluated
    | Index
    | Slice
    | Each
    | Recurse
    | Range
    | Pipe
    | Comma
    | Alternative
    | Logic
    | Compare
    | Arithmetic
    | Negate
    | Assign
    | Delete
    | Try
    | If
    | Empty
    | Fail
    | First
    | Some
    | Sum
    | MapValues
    | ByKey
    | Array
    | Object
    | Text
    | Bind
    | Reduce
    | Foreach
    | Let
    | Call
)
