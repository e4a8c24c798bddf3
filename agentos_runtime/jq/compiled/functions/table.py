"""All that generated code can reach: the names of its globals, and which functions of jq are one of them.

Nothing else is there, Python's own built-in functions included: what is generated holds names of this table, names
that were counted up, and literals as `repr` writes them.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from agentos_runtime.jq.compiled.errors import Beyond, JqError
from agentos_runtime.jq.compiled.functions import changing, encodings, ordering, texts, values

FUNCTIONS: Mapping[tuple[str, int], Callable[..., Any]] = {
    ("not", 0): values.negated,
    ("type", 0): values.kind,
    ("length", 0): values.length,
    ("has", 1): values.has,
    ("keys", 0): values.keys,
    ("to_entries", 0): changing.to_entries,
    ("from_entries", 0): changing.from_entries,
    ("add", 0): changing.total,
    ("reverse", 0): changing.reverse,
    ("flatten", 0): changing.flatten,
    ("floor", 0): values.floor,
    ("ceil", 0): values.ceil,
    ("isnan", 0): values.never_of_a_number,
    ("isinfinite", 0): values.never_of_a_number,
    ("max", 0): ordering.largest,
    ("min", 0): ordering.smallest,
    ("transpose", 0): ordering.transpose,
    ("@text", 0): texts.as_text,
    ("@json", 0): texts.written,
    ("@uri", 0): texts.uri,
    ("@urid", 0): texts.for_workers,
    ("@base64", 0): encodings.base64,
    ("@base64d", 0): encodings.base64_read,
    ("tojson", 0): texts.written,
    ("tostring", 0): texts.as_text,
    ("fromjson", 0): texts.read,
    ("tonumber", 0): encodings.number,
    ("join", 1): texts.join,
    ("split", 1): texts.split,
    ("index", 1): texts.first_at,
    ("rindex", 1): texts.last_at,
    ("startswith", 1): texts.starts,
    ("endswith", 1): texts.ends,
    ("ltrimstr", 1): texts.without_start,
    ("rtrimstr", 1): texts.without_end,
    ("trim", 0): texts.trim,
    ("ltrim", 0): texts.ltrim,
    ("rtrim", 0): texts.rtrim,
    ("ascii_downcase", 0): texts.lower,
    ("ascii_upcase", 0): texts.upper,
}
"""Functions with one output, of their input and of arguments that have one each."""

KEYED: Mapping[str, Callable[..., Any]] = {
    "sort_by": ordering.sort_by,
    "group_by": ordering.group_by,
    "unique_by": ordering.unique_by,
}
"""Functions of an array and of one key for each of its items."""

OPERATORS: Mapping[str, Callable[..., Any]] = {
    "+": values.plus,
    "-": values.minus,
    "*": values.times,
    "/": values.divided,
    "%": values.remainder,
}

_HELPERS: tuple[Callable[..., Any], ...] = (
    changing.added,
    values.counted,
    values.equal,
    values.field,
    values.index,
    values.inner,
    values.items,
    values.less,
    values.merged,
    values.negative,
    changing.object_key,
    values.pairs,
    values.slice_of,
    changing.with_key,
    changing.without_keys,
    texts.joined_parts,
)

FUNCTIONS_OF_PLACES = frozenset(
    {"jq_field", "jq_index", "jq_items", "jq_pairs", "jq_length", "jq_has", "jq_merged", "jq_plus"}
)
"""Those that look at the values which they are handed, and not at what is in them."""

MISSING = object()
"""Stands where there is no output."""


def code_name(function: Callable[..., Any]) -> str:
    """The name that generated code has for a function of this table."""
    return f"jq_{function.__name__}"


def reachable() -> dict[str, Any]:
    """The globals of generated code."""
    functions = (*FUNCTIONS.values(), *KEYED.values(), *OPERATORS.values(), *_HELPERS)
    return {
        "__builtins__": {},
        "Beyond": Beyond,
        "JqError": JqError,
        "MISSING": MISSING,
        "bool": bool,
        "dict": dict,
        "float": float,
        "int": int,
        "len": len,
        "list": list,
        "next": next,
        "str": str,
        "jq_fields": partial(partial, values.field),  # what gives fields of one value, or fails when it is asked
        **{code_name(function): function for function in functions},
    }
