"""What the nodes of a request mention."""

import re

from agentos_runtime.manifest.model import Fields, Items, Jq, Node, PlainPath

_NAMES_AUTH = re.compile(r"\.auth(?![A-Za-z0-9_])")


def names_auth(node: Node) -> bool:
    """Whether an expression of the node names the credential."""
    match node:
        case PlainPath(steps=steps):
            return steps[:1] == ("auth",)
        case Jq(source=source, auth_fields=fields):
            return bool(fields) or _NAMES_AUTH.search(source) is not None
        case Fields(entries=entries):
            return any(names_auth(entry) for _, entry in entries)
        case Items(entries=items):
            return any(map(names_auth, items))
        case _:
            return False
