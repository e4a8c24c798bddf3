"""By what a file of AgentOS is known, and in which of its dialects it is written."""

import re
from collections.abc import Iterator, Mapping

from agentos_runtime.manifest.dialects.params import TEXTS
from agentos_runtime.manifest.yaml.values import Cursor

SECTIONS = ("operations", "transformers", "adapters", "connections")
"""Sections that our own language has not."""
FOREIGN_EXECUTORS: Mapping[str, str] = {
    "swift": "needs swift (macOS), which is not run here",
    "applescript": "needs applescript (macOS), which is not run here",
    "node": "needs node, which is not run here",
    "csv": "reads a local file (`csv`), which is not run here",
    "download": "fetches a file into a drive (`download`), which is not run here",
}
"""What is known and not run, and why."""
EXECUTORS = ("rest", "graphql", "sql", "command", "python", "steps")
"""What is run."""
_FOREIGN_AUTH = frozenset(
    {"safestorage", "browser_session", "connection_string", "local_path", "keychain", "cookies"}
)
_EVIDENCE = ("connects_to", "seed", "requires", "sources", "handles", "testing", "database", "agent", "provides")
"""Keys that files of AgentOS have; ours may have some of them."""
_OF_CALLABLES = ("handles_urls", "label", "operation", "readonly")
_OF_RESPONSES = ("static", "inject", "context")


def is_of_agentos(root: Cursor) -> bool:
    """Whether a file is read as one of AgentOS: it has what our own language has not.

    What our language would refuse with advice, such as a type `datetime`, says so only beside keys that files of
    AgentOS have.
    """
    if any(isinstance(cursor.json, dict) for mark in SECTIONS if (cursor := root.get(mark)) is not None):
        return True
    auth = root.get("auth")
    if auth is not None and (auth.text("type") in _FOREIGN_AUTH or auth.get("account_params") is not None):
        return True
    utilities = dict(root.at("utilities").items()) if root.get("utilities") is not None else {}
    if any(map(_is_foreign, utilities.values())):
        return True
    evident = any(root.get(name) is not None for name in _EVIDENCE)
    return evident and bool(utilities) and any(_odd(root, utilities))


def _is_foreign(cursor: Cursor) -> bool:
    """Whether a utility has an executor that our own language has not."""
    return cursor.get("rest") is None and any(
        cursor.get(name) is not None for name in (*FOREIGN_EXECUTORS, *EXECUTORS)
    )


def _odd(root: Cursor, utilities: Mapping[str, Cursor]) -> Iterator[bool]:
    """What our own language refuses and AgentOS takes."""
    for name in ("website", "privacy_url", "terms_url"):
        below = root.get(name)
        yield below is not None and below.json is None
    icon = root.text("icon") or ""
    yield icon.startswith(("http://", "https://"))
    for cursor in utilities.values():
        yield any(cursor.get(name) is not None for name in _OF_CALLABLES)
        page = (cursor.text("web_url") or "").strip()
        yield bool(page) and not page.startswith(("https://", "http://"))
        yield any(_is_text_type(below) for _, below in cursor.at("returns").items())
        rest = cursor.get("rest")
        for response in (cursor.get("response"), rest.get("response") if rest else None):
            yield response is not None and any(response.get(name) is not None for name in _OF_RESPONSES)
        yield rest is not None and re.search(r"\{\{\s*params\.", str(rest.json)) is not None


def _is_text_type(cursor: Cursor) -> bool:
    written = cursor.json if isinstance(cursor.json, str) else cursor.text("type")
    return written in TEXTS


def dialect_of(root: Cursor) -> str:
    """`C`, `D` or `E`."""
    if root.get("connections") or root.get("adapters"):
        return "E"
    auth = root.get("auth")
    places = [auth.get(place) for place in ("header", "query", "body")] if auth else []
    return "D" if any(place is not None and isinstance(place.json, dict) for place in places) else "C"
