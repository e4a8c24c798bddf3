"""Conditions that are true or false whatever comes, and answers that are asked for what they do not have."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.mistakes.expressions import blanked
from agentos_runtime.manifest.model import AuthField
from agentos_runtime.manifest.sections.reading import Found
from agentos_runtime.manifest.sections.subject import Subject, declared, warn, warn_at
from agentos_runtime.regexes import regex

_PATH = regex(r"\s*(?P<path>(?:\.[A-Za-z_]\w*)*\.(?P<name>[A-Za-z_]\w*))\s*")
_STATES = frozenset({"status", "state", "phase", "stage"})
_GOOD = frozenset({"success", "ok", "succeeded", "successful", "is_success", "issuccess"})
_MORE = frozenset({"has_more", "hasmore", "has_next", "hasnext", "has_next_page", "hasnextpage"})
_OBJECT = regex(r"\s*\{[^{}]*\}\s*")
_COMPARED = regex(r"(?!\s*if\b)(?![\s\S]*\w\()[^|?\[\]{}]*(?:==|!=|<=?|>=?|\band\b|\bor\b)[^|?\[\]{}]*")
"""A comparison, and nothing that is handed one and may make words of it."""
_LEADING = regex(
    r"\s*(?:map\(\s*\{?|\.\[\]\s*\|\s*\{?|\[\s*\.\[\]\s*\|\s*\{?)?\s*(?:[A-Za-z_]\w*\s*:\s*)?(?P<path>\.[A-Za-z_]\w*)"
)


_PIPED = regex(r"(?<![\w\])}])\.params\.(?P<name>[A-Za-z_]\w*)\s*\|\s*(?P<of>[a-z_]+)\b")
_ADDED = regex(
    r"\"\s*\+\s*(?:\.params\.([A-Za-z_]\w*)\b(?!\.|\[)|\(\s*\.params\.([A-Za-z_]\w*)\s*\))"
    r"|(?<![\w\])}.])(?:\.params\.([A-Za-z_]\w*)|\(\s*\.params\.([A-Za-z_]\w*)\s*\))\s*\+\s*\""
)
_OF_LISTS = frozenset(
    {"join", "map", "sort", "sort_by", "unique", "unique_by", "add", "flatten", "group_by", "max", "min"}
)
_OF_TEXTS = frozenset({"split", "ascii_downcase", "ascii_upcase", "test", "gsub", "sub", "trim"})


def state_for_a_condition(subject: Subject) -> Iterator[Problem]:
    """`until: .status` is true at once: a text is always true."""
    for found in _below(subject, ".poll.until", ".poll.failed", ".stream.end"):
        match = _PATH.fullmatch(found.source)
        if match is not None and match["name"].lower() in _STATES:
            message = f"`{match['path'][:60]}` is true whatever it says: to jq every text and every number is"
            yield _told(found, match["path"], message, f'Compare it: `{match["path"][:60]} == "…"`')


def success_for_an_error(subject: Subject) -> Iterator[Problem]:
    """`error: .success` makes a failure of every success, and `error: '{message: .message}'` of every answer."""
    for found in _below(subject, ".response.error", ".stream.error"):
        match = _PATH.fullmatch(found.source)
        if match is not None and match["name"].lower() in _GOOD:
            message = f"`{match['path'][:60]}` is true when all is well, and `error` is true when it is not"
            fix = f"Write `if {match['path'][:60]} then null else .message end`"
            yield _told(found, match["path"], message, fix)
        elif _OBJECT.fullmatch(blanked(found.source)):
            message = "an object is always true, so that every answer is a failure"
            fix = (
                f"Write `if .error then {found.source.strip()[:60]} else null end`, with the condition of a failure"
            )
            yield _told(found, found.source.strip(), message, fix)


def comparison_for_a_sentence(subject: Subject) -> Iterator[Problem]:
    """`refuse: .params.a == 1` gives true or false: it fails in every call."""
    for found in _below(subject, ".rest.refuse"):
        if _COMPARED.fullmatch(blanked(found.source)):
            written = found.source.strip()
            message = "this gives true or false, and `refuse` is null or a sentence: it fails in every call"
            fix = f'Write `if {written[:60]} then "…" else null end`, with the words that the caller is told'
            yield replace(_told(found, written, message, fix), severity="error")


def more_for_a_cursor(subject: Subject) -> Iterator[Problem]:
    """`next: .has_more` is sent as the cursor `true`."""
    for found in _below(subject, ".paginate.next"):
        match = _PATH.fullmatch(found.source)
        if match is not None and match["name"].lower() in _MORE:
            message = (
                f"`{match['path'][:60]}` says whether there is more, and `next` is what the next page is asked for"
            )
            fix = f"Write `if {match['path'][:60]} then .next_cursor else null end`, with the field of the cursor"
            yield _told(found, match["path"], message, fix)


def field_of_a_text(subject: Subject) -> Iterator[Problem]:
    """A text has no fields, and neither have its lines."""
    for utility, _ in subject.utilities:
        answer = utility.rest.response
        form = {"text": "a text", "lines": "a list of texts"}.get(answer.format.kind)
        if form is None:
            continue
        for found in subject.expressions.get(utility.name, ()):
            ending = found.cursor.path.partition(".rest.response.")[2]
            first = ending == "transform" or (ending.startswith("mapping.") and answer.transform is None)
            match = _LEADING.match(found.source) if first else None
            if match is not None and (form != "a text" or match.start("path") == _indent(found.source)):
                message = f"the answer is {form}, which has no field `{match['path']}`: it fails in every call"
                fix = f"Remove `as: {answer.format.kind}` when the answer is JSON; the whole text is `.`"
                yield replace(
                    warn_at(found.cursor, match.start("path"), len(match["path"]), message, fix), severity="error"
                )


def list_of_one_value(subject: Subject) -> Iterator[Problem]:
    """`.params.q | join(",")` of a text fails in every call, and so does `split` of a list."""
    for utility, _ in subject.utilities:
        known = declared(utility)
        for found in subject.expressions.get(utility.name, ()):
            for match in _PIPED.finditer(blanked(found.source)) if found.side == "request" else ():
                name, of, kind = match["name"], match["of"], known.get(match["name"], {}).get("type")
                if kind == "string" and of in _OF_LISTS:
                    is_, takes, other = "a text", "a list", "array"
                elif kind == "array" and of in _OF_TEXTS:
                    is_, takes, other = "a list", "a text", "string"
                else:
                    continue
                message = f"`{name}` is {is_}, and `{of}` takes {takes}: it fails in every call"
                fix = f"Write `type: {other}` at the param, or leave `{of}` out"
                yield warn_at(found.cursor, match.start("of"), len(of), message, fix)


def number_beside_a_text(subject: Subject) -> Iterator[Problem]:
    """`"/pages/" + .params.page` fails for a page that is a number."""
    for utility, _ in subject.utilities:
        known = declared(utility)
        for found in subject.expressions.get(utility.name, ()):
            for match in _ADDED.finditer(blanked(found.source)) if found.side == "request" else ():
                name = next(filter(None, match.groups()))
                kind = known.get(name, {}).get("type")
                what = {"integer": "a number", "number": "a number", "boolean": "true or false"}.get(str(kind))
                if what is None:
                    continue
                at = found.source.index(f".params.{name}", match.start())
                message = f"`{name}` is {what}, which jq adds to no text: it fails in every call that gives it"
                fix = f'Write `(.params.{name} | tostring)`, or put it into the text: `"\\(.params.{name})"`'
                yield warn_at(found.cursor, at, len(f".params.{name}"), message, fix)


def basic_as_a_template(subject: Subject) -> Iterator[Problem]:
    """`Basic {user}:{password}` is sent as it stands, and services want it in base64."""
    for name, auth in subject.skill.auth.items():
        for template in auth.templates if auth.kind == "template" else ():
            fields = [part for part in template.parts if isinstance(part, AuthField)]
            start = template.parts[0] if template.parts else None
            if (
                template.location == "header"
                and len(fields) > 1
                and isinstance(start, str)
                and start.lower().startswith("basic")
            ):
                one = subject.root.at("auth")
                one = one.at("credentials", name) if one.get("credentials") else one
                below = one.at("header").get(template.name)
                message = "this is sent as it stands, and user and password go out in base64"
                if below is not None:
                    yield replace(warn(below, message, "Write `auth: {type: basic}`"), severity="error")


def jq_for_the_last_data(subject: Subject) -> Iterator[Problem]:
    """`done: .done` ends no stream: `done` is data as it stands."""
    for utility, cursor in subject.utilities:
        below = cursor.at("rest").get("stream") if utility.rest.stream else None
        done = below.get("done") if below else None
        if done is not None and isinstance(done.json, str) and _PATH.match(done.json):
            message = "`done` is the data of the last event as it stands, and no jq: no event is this text"
            yield warn(done, message, f"Write `end: {done.json.strip()[:60]}`")


def _below(subject: Subject, *endings: str) -> Iterator[Found]:
    return (found for found in subject.found if found.cursor.path.endswith(endings))


def _told(found: Found, written: str, message: str, fix: str) -> Problem:
    return warn_at(found.cursor, _indent(found.source), len(written), message, fix)


def _indent(source: str) -> int:
    return len(source) - len(source.lstrip())


RULES: tuple[Callable[[Subject], Iterable[Problem]], ...] = (
    state_for_a_condition,
    success_for_an_error,
    comparison_for_a_sentence,
    more_for_a_cursor,
    field_of_a_text,
    list_of_one_value,
    number_beside_a_text,
    basic_as_a_template,
    jq_for_the_last_data,
)
