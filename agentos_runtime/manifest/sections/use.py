"""`use`, `wires` and `domains`: what of a service agents may call by its own addresses."""

from collections.abc import Mapping
from typing import Any

from agentos_runtime.manifest.model import Auth, AuthField, AuthTemplate, Use, Utility
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.sections.urls import did_you_mean
from agentos_runtime.manifest.yaml.values import Cursor

MODELS = "models"
"""The one wire that names a utility, where all others name a path."""
_OF_A_KEY = frozenset({"api_key", "user_api_key"})
"""What documents of other formats call a key of the reader's own."""
_BEARER = AuthTemplate("header", "Authorization", ("Bearer ", AuthField("key")))


def read_opened(root: Cursor, values: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """What of a Skill this is, as its keyword arguments; `values` are those that are known."""
    opened = {
        "use": _read_use(root),
        "wires": _read_wires(root, values["base_url"], values["utilities"], report),
    }
    if values["kind"] == "instructions" and not values["auth"]:
        opened["auth"] = _documented_auth(root)
    return opened


def _read_use(root: Cursor) -> Use:
    """How far the author opens the service."""
    written = root.get("use")
    if written is None or not isinstance(written.json, dict):
        return Use(allowed=written is None or written.json is not False)
    methods = frozenset(written.texts("methods")) if written.get("methods") else None
    return Use(methods=methods, paths=written.texts("paths") if written.get("paths") else None)


def _read_wires(
    root: Cursor, base_url: str | None, utilities: Mapping[str, Utility], report: Report
) -> dict[str, str]:
    """The protocols that the service speaks, by name."""
    written = root.get("wires")
    if written is None:
        return {}
    wires = {name: str(below.json) for name, below in written.items() if isinstance(below.json, str)}
    if base_url is None and wires.keys() - {MODELS} and not report.has_error_under("api"):
        fix = "Add `api: {base_url: https://…}`"
        report.error(written.key_place, "the paths of `wires` stand after `api.base_url`", fix, written.key_length)
    named = written.get(MODELS)
    if named is not None and wires.get(MODELS) not in utilities and not report.has_error_under("utilities"):
        fix = did_you_mean(str(named.json), utilities) or "Name the utility that lists the models"
        report.error(named.place, f"there is no utility `{named.json}`", fix, named.length)
    return wires


def check_domains(root: Cursor, report: Report) -> None:
    """A pattern stands for the hosts of one owner, and not for a whole zone."""
    written = root.get("domains")
    for entry in written.elements() if written else ():
        if isinstance(entry.json, str) and not _is_bounded(entry.json):
            message = "this pattern stands for hosts of many owners"
            report.error(entry.place, message, "Write the host, or `*.example.com`", entry.length)


def _is_bounded(domain: str) -> bool:
    """Whether a domain is a host, or a pattern over two labels at least."""
    return not domain.startswith("*.") or "." in domain.removeprefix("*.").partition(":")[0]


def _documented_auth(root: Cursor) -> dict[str, Auth]:
    """The key that a document of another format asks for: it names hosts, and not where the key goes.

    Most services take it as a bearer token. It is sent so only once somebody has seen and approved that.
    """
    if root.text("auth_type") not in _OF_A_KEY or not root.texts("domains"):
        return {}
    return {"default": Auth("default", "api_key", ("key",), (_BEARER,))}
