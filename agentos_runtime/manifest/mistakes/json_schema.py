"""A whole JSON Schema where names stand right below `params` or `returns`."""

from collections.abc import Iterator

from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.yaml.values import Cursor

Path = tuple[str | int, ...]


def whole_schemas(root: Cursor, report: Report) -> Iterator[Path]:
    """Report each; gives the paths below which there is nothing more to say."""
    utilities = root.get("utilities")
    for name, utility in utilities.items() if utilities else ():
        for key in ("params", "returns"):
            below = utility.get(key)
            if below is None or not isinstance(below.json, dict):
                continue
            kind, properties = below.get("type"), below.get("properties")
            if kind is not None and kind.json == "object" and properties and isinstance(properties.json, dict):
                message = f"`{key}` is written as a JSON Schema: here the names stand right below it"
                fix = "Remove `type: object` and `properties`, and move what stands below them one level up"
                if below.get("required") is not None:
                    fix += "; write `required: true` at each param that is"
                report.error(kind.key_place, message, fix, kind.key_length)
                yield ("utilities", name, key)
