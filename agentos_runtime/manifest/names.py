"""Names, labels and addresses hold nothing that steers a terminal, reorders a line or hides."""

from collections.abc import Iterator, Mapping

from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.yaml.values import Cursor, Key
from agentos_runtime.visible import escaped, steering

ADVISED_TOOL_NAME = 48
"""Characters of a utility's name over MCP (`<skill>_<utility>`) that all clients take, with their own in front."""
LONGEST_TOOL_NAME = 56
"""Model providers refuse a whole list of tools when one has more than 64, prefix included."""
_DATA = frozenset({"default", "example", "examples", "enum", "seed"})
"""What stands below is data: it is passed on, and shown with escapes."""
_SHOWN: Mapping[str, frozenset[str]] = {
    "": frozenset({"id", "name", "website", "privacy_url", "terms_url", "icon", "color"}),
    "api": frozenset({"base_url"}),
    "auth": frozenset(
        {"label", "help_url", "header", "query", "body", "prefix", "authorize_url", "token_url", "callback", "type"}
    ),
    "utilities": frozenset({"url", "web_url", "credential", "idempotency_header", "method", "returns"}),
}
"""By section of the file, the keys whose text is a name, a label or an address."""

_LINES: Mapping[int, str] = {ord("\n"): " ", ord("\t"): " "}
"""A url may be jq over several lines; in one that is none, the url's own rules refuse them."""


def tool_name(skill: str, utility: str) -> str:
    """The one name of a utility where names stand alone: over MCP, and in OpenAPI."""
    return f"{skill}_{utility}"


def check_names(root: Cursor, report: Report) -> None:
    """Report each key, and each value that names something, with a character that would not show as itself."""
    for cursor, section in _below(root):
        if isinstance(cursor.key, Key):
            found = steering(cursor.key.text)
            if found is not None:
                _report(report, cursor, cursor.key.text[found], is_key=True, index=found)
            if isinstance(cursor.json, str) and cursor.key.text in _SHOWN.get(section, frozenset()):
                index = steering(cursor.json.translate(_LINES) if section == "utilities" else cursor.json)
                if index is not None:
                    _report(report, cursor, cursor.json[index], is_key=False, index=index)


def _report(report: Report, cursor: Cursor, char: str, *, is_key: bool, index: int) -> None:
    what = "this name" if is_key else f"`{cursor.name[:60]}`"
    message = f"{what} has the character {escaped(char)}, which does not show as itself"
    offset = cursor.offset_at(index)
    place = cursor.key_place if is_key else cursor.document.place(cursor.path, offset)
    if char == "\n" and (report.covers(place) or report.has_error_under(cursor.path)):
        return
    report.error(place, message, "Remove it", cursor.key_length if is_key else 1)


def _below(root: Cursor) -> Iterator[tuple[Cursor, str]]:
    """Everything under the root that is no data, each with the section of the file that it stands in."""
    waiting = [(cursor, "") for _, cursor in root.items()]
    while waiting:
        cursor, section = waiting.pop()
        yield cursor, section
        if cursor.name not in _DATA:
            inner = section or cursor.name
            waiting += [(below, inner) for _, below in cursor.items()]
            waiting += [(below, inner) for below in cursor.elements()]
