"""What is read as it is written and was meant otherwise: texts that are paths, operators that are missing."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.mistakes.expressions import blanked
from agentos_runtime.manifest.model import Fields, Items
from agentos_runtime.manifest.secrets.names import is_key
from agentos_runtime.manifest.sections.subject import Subject, declared, warn, warn_at
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex

_ENCODED = regex(r"\|\s*@uri\s*\Z|\A\s*@uri(?=\s*\")")
_PATH_ALONE = regex(r'\s*"(?P<path>\.[A-Za-z_][\w.\[\]]*)"\s*')
_TEXT = regex(r'"(?:[^"\\]|\\.)*"')
_FIELD_BEHIND = regex(r"\s+\.[A-Za-z_\[]")
_JQ_DEFAULT = regex(
    r"\s*\(?\s*\$?\.?(?:params|settings)\.[A-Za-z_]\w*.*|\s*(?:\{\{\s*[\w.$]+\s*\}\}|\$\{\s*[\w.]+\s*\})\s*"
)


def encoded_twice(subject: Subject) -> Iterator[Problem]:
    """`.params.q | @uri` in a query is sent as `a%2520b`."""
    forms = {utility.name for utility, _ in subject.utilities if utility.rest.encoding == "form"}
    for found in subject.found:
        where = found.cursor.path.partition(".rest.")[2]
        what = "a query" if where.startswith(("query.", "stream.query.")) else None
        if where.startswith("body.") and found.utility in forms:
            what = "a form"
        match = _ENCODED.search(blanked(found.source)) if what else None
        if match is not None:
            at = match.end() - 4 if match[0].startswith("|") else match.start() + match[0].index("@")
            message = f"{what} is percent-encoded by itself: with `@uri` it is encoded twice"
            fix = "Remove `| @uri`" if match[0].startswith("|") else "Remove `@uri`"
            yield warn_at(found.cursor, at, 4, message, fix)


def path_alone_in_quotes(subject: Subject) -> Iterator[Problem]:
    """`'".order.id"'` over an answer is the text `.order.id`."""
    for found in subject.found:
        match = _PATH_ALONE.fullmatch(found.source) if found.side == "response" else None
        if match is not None:
            message = f"`{match['path'][:60]}` in quotes is a text, and no field of the answer"
            fix = f"Write `{match['path'][:60]}`, without the double quotes"
            yield warn_at(found.cursor, match.start("path") - 1, len(match["path"]) + 2, message, fix)


def operator_behind_a_text(subject: Subject) -> Iterator[Problem]:
    """`.a + " " .b` asks the text for its field `b`."""
    for found in subject.found:
        for text in _TEXT.finditer(found.source):
            key = found.source[: text.start()].rstrip()[-1:] in ("{", ",")
            if not key and _FIELD_BEHIND.match(found.source, text.end()):
                message = "the path behind this text asks the text for a field: it fails in every call"
                problem = warn_at(found.cursor, text.end() - 1, 1, message, "Write `+` between them")
                yield replace(problem, severity="error")


def map_for_a_text(subject: Subject) -> Iterator[Problem]:
    """A body of text is one text."""
    for utility, cursor in subject.utilities:
        body = cursor.at("rest").get("body")
        if body is None or utility.rest.encoding != "text" or not isinstance(utility.rest.body, Fields | Items):
            continue
        kind = "a map" if isinstance(utility.rest.body, Fields) else "a list"
        fix = "Write `body: .params.NAME`; names and values are sent with `encoding: form`"
        message = f"a body of `encoding: text` is one text, and this is {kind}"
        yield replace(warn(body, message, fix), severity="error")


def jq_as_default(subject: Subject) -> Iterator[Problem]:
    """`default: .params.q` is the text `.params.q`."""
    for utility, cursor in subject.utilities:
        for name in declared(utility):
            below = cursor.at("params", name).get("default")
            if below is None or not isinstance(below.json, str) or not _JQ_DEFAULT.fullmatch(below.json):
                continue
            message = "a default is a value as it stands: nothing is put in its place"
            fix = f"Remove it, and say it where the param is used: `.params.{name} // …`"
            yield warn(below, message, fix)


def file_beside_the_body(subject: Subject) -> Iterator[Problem]:
    """A file goes into a body: in a query or a header it fails in every call."""
    for utility, cursor in subject.utilities:
        for key in ("query", "headers"):
            written = cursor.at("rest").get(key)
            for _, below in written.items() if written else ():
                name = below.json.removeprefix(".params.") if isinstance(below.json, str) else ""
                if name in utility.files and name != below.json:
                    what = "a query" if key == "query" else "a header"
                    message = f"`{name}` is a file, which {what} cannot hold: it fails in every call"
                    fix = f"Write it under `body`, or `.params.{name}.filename` for its name"
                    yield replace(warn(below, message, fix), severity="error")


def repeated_choice(subject: Subject) -> Iterator[Problem]:
    """A choice that is listed twice, which some readers of JSON Schema refuse."""
    for _, cursor in subject.utilities:
        for key in ("params", "returns"):
            below = cursor.get(key)
            for choice in _repeated(below) if below is not None else ():
                yield warn(choice, "this choice is listed twice", "Remove one of the two")


def _repeated(cursor: Cursor) -> Iterator[Cursor]:
    for name, below in cursor.items():
        seen: set[tuple[type, str]] = set()
        for choice in below.elements() if name == "enum" and isinstance(below.json, list) else ():
            one = (type(choice.json), str(choice.json))
            if one in seen:
                yield choice
            seen.add(one)
        yield from _repeated(below) if isinstance(below.json, dict) else ()


_OF_CALLER = regex(
    r"\s*(?:\"(?P<prefix>[A-Za-z-]+ )\"\s*\+\s*)?\.params\.(?P<name>[A-Za-z_]\w*)\s*"
    r"|\"(?P<start>[A-Za-z-]+ )\\\(\.params\.(?P<inner>\w+)\)\""
)
_KEYS_OF_QUERIES = frozenset(
    {"api_key", "apikey", "api-key", "app_key", "appkey", "api_token", "apitoken", "appid"}
)


def key_of_the_caller(subject: Subject) -> Iterator[Problem]:
    """A param that is a key, though an agent never sees one; an import has told keys from what is looked up."""
    if subject.root.get("sources") is not None:
        return
    for utility, cursor in subject.utilities:
        params = declared(utility)
        if utility.credential is not None or cursor.get("auth") is not None:
            continue
        for place in ("headers", "query"):
            written = cursor.at("rest").get(place)
            for key, below in written.items() if written else ():
                match = _OF_CALLER.fullmatch(below.json) if isinstance(below.json, str) else None
                name = (match["name"] or match["inner"]) if match else None
                named = is_key(key) if place == "headers" else key.lower() in _KEYS_OF_QUERIES
                if match and name in params and named:
                    prefix = match["prefix"] or match["start"]
                    where = f"{'header' if place == 'headers' else 'query'}: {key}"
                    where += f', prefix: "{prefix}"' if prefix else ""
                    message = f"whoever calls would have to know the key that `{key}` is: agents never see one"
                    fix = f"Remove the param `{name}` and this; at the top write `auth: {{type: api_key, {where}}}`"
                    yield warn(below, message, fix)


RULES: tuple[Callable[[Subject], Iterable[Problem]], ...] = (
    encoded_twice,
    path_alone_in_quotes,
    operator_behind_a_text,
    map_for_a_text,
    jq_as_default,
    file_beside_the_body,
    repeated_choice,
    key_of_the_caller,
)
