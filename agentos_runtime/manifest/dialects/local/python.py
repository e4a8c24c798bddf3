"""`python` of a callable: a function of a module beside the skill's file."""

from agentos_runtime.manifest.dialects.placeholders import NotCarried, filled, under_key
from agentos_runtime.manifest.dialects.tree import text
from agentos_runtime.manifest.model import Local
from agentos_runtime.manifest.yaml.values import Cursor, Value
from agentos_runtime.regexes import regex

KEYS = frozenset({"module", "function", "args", "params", "timeout", "response"})
_MODULE = regex(r"(?:\./)?((?:[\w-]+/)*[\w-]+)(?:\.py)?")
Pairs = dict[str, "Cursor | Value"]


def python_of(cursor: Cursor) -> tuple[Pairs, Local]:
    """What a call gives the function, and the function. Raises NotCarried."""
    for name in dict(cursor.items()):
        if name not in KEYS:
            raise NotCarried(f"`python.{name[:60]}` is not supported")
    module, function = cursor.text("module"), cursor.text("function")
    found = _MODULE.fullmatch(module) if module else None
    if found is None:
        raise NotCarried("names no `python.module` beside its file")
    if function is None or not function.isidentifier() or function.startswith("__"):
        raise NotCarried("names no `python.function`")
    args, params = cursor.get("args"), cursor.get("params")
    pairs: Pairs = {}
    fixed = {"module": f"{found[1]}.py", "function": function}
    if params is not None and params.json is True:
        pairs["args"] = text(".params", cursor)
        fixed["takes"] = "params"
    elif args is not None and isinstance(args.json, dict | list):
        pairs["args"] = under_key(args, filled(args))
    elif args is not None and args.json is not None:
        raise NotCarried("has `python.args` that are neither a map nor a list")
    return pairs, Local("python", cursor.json, fixed)
