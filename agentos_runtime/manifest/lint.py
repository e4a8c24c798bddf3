"""What is allowed but probably not meant: one small rule each, over a skill that was read.

A rule takes the Subject and yields Problems. All are warnings, except a secret written into the front matter.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from typing import Literal as Severity
from urllib.parse import urlsplit

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.expressions import mentions
from agentos_runtime.manifest.model import Fields, Items, Node, Skill, TemplateParam, UrlTemplate, Utility
from agentos_runtime.manifest.near import nearest
from agentos_runtime.manifest.reading import SIDES, Found
from agentos_runtime.manifest.urls import did_you_mean
from agentos_runtime.manifest.values import Cursor


@dataclass(frozen=True, slots=True)
class Subject:
    """A skill, the values it was read from, and the jq that was found in it."""

    skill: Skill
    root: Cursor
    files: tuple[Cursor, ...]
    """The roots of all its files, `root` first."""
    found: tuple[Found, ...]
    utilities: tuple[tuple[Utility, Cursor], ...]
    expressions: Mapping[str, tuple[Found, ...]]
    """By utility."""

    @classmethod
    def of(
        cls, skill: Skill, files: tuple[Cursor, ...], declared: Mapping[str, Cursor], found: tuple[Found, ...]
    ) -> "Subject":
        """`declared`: where each utility stands."""
        utilities = tuple((utility, declared[name]) for name, utility in skill.utilities.items())
        by_utility: dict[str, list[Found]] = {}
        for one in found:
            by_utility.setdefault(one.utility, []).append(one)
        expressions = {name: tuple(ones) for name, ones in by_utility.items()}
        return cls(skill, files[0], files, found, utilities, expressions)


Rule = Callable[[Subject], Iterable[Problem]]


def lint(subject: Subject) -> Iterator[Problem]:
    """What every rule finds."""
    for rule in RULES:
        yield from rule(subject)


def _warn(cursor: Cursor, message: str, fix: str | None = None) -> Problem:
    return Problem(message, cursor.place, fix, "warning", cursor.length)


def _warn_key(cursor: Cursor, message: str, fix: str | None = None) -> Problem:
    return Problem(message, cursor.key_place, fix, "warning", max(1, cursor.key_length))


def _warn_at(cursor: Cursor, index: int, length: int, message: str, fix: str | None) -> Problem:
    place = cursor.document.place(cursor.path, cursor.offset_at(index))
    return Problem(message, place, fix, "warning", length)


# ------------------------------------------------------------------ params


def _declared(utility: Utility) -> Mapping[str, Any]:
    properties: Any = utility.params.get("properties", {})
    return {name: schema for name, schema in properties.items() if name not in utility.owned}


def _mentioned(subject: Subject, utility: Utility) -> Iterator[tuple[str | None, Found, int]]:
    """Every use of a param by an expression of the utility."""
    for found in subject.expressions.get(utility.name, ()):
        for name, index in mentions(found.source, "params", found.side):
            yield name, found, index
        if found.side == "request":
            for name, index in mentions(found.source, "params", "response"):
                yield name, found, index


def undeclared_param(subject: Subject) -> Iterator[Problem]:
    """`.params.modle` is always null."""
    for utility, cursor in subject.utilities:
        if cursor.flag("additional_params"):
            continue
        known = _declared(utility)
        for name, found, index in _mentioned(subject, utility):
            if name is not None and name not in known:
                fix = did_you_mean(name, known) or "Declare it under `params`"
                message = f"`{name}` is not a param of {utility.name}, so this is always null"
                yield _warn_at(found.cursor, index, len(name), message, fix)


def unused_param(subject: Subject) -> Iterator[Problem]:
    """A param that nothing reads."""
    definitions = subject.skill.definitions
    in_definitions = [name for side in SIDES for name, _ in mentions(definitions, "params", side)]
    for utility, cursor in subject.utilities:
        used = {name for name, _, _ in _mentioned(subject, utility)} | set(in_definitions)
        if None in used:
            continue
        used |= _template_names(utility)
        for name in _declared(utility):
            if name not in used:
                below = cursor.at("params", name)
                fix = f"Use it (`.params.{name}`) or remove it"
                yield _warn_key(below, f"the param `{name}` is not used by anything", fix)


def _template_names(utility: Utility) -> set[str]:
    rest = utility.rest
    roots: list[Node | None] = [
        rest.url,
        rest.headers,
        rest.query,
        rest.body,
        rest.stream.body if rest.stream else None,
    ]
    names = set(re.findall(r"\{\+?(\w+)\}", utility.web_url or ""))
    for root in roots:
        names.update(_names_in(root))
    return names


def _names_in(node: Node | None) -> Iterator[str]:
    if isinstance(node, UrlTemplate):
        yield from (part.name for part in node.parts if isinstance(part, TemplateParam))
    elif isinstance(node, Fields):
        for _, below in node.entries:
            yield from _names_in(below)
    elif isinstance(node, Items):
        for below in node.entries:
            yield from _names_in(below)


def runtime_owned_param(subject: Subject) -> Iterator[Problem]:
    """`stream`, `limit`, `all` and `wait` belong to the runtime where it streams, paginates or polls."""
    for utility, cursor in subject.utilities:
        rest = utility.rest
        owned = {"stream": "streams", "limit": "paginates", "all": "paginates", "wait": "polls"}
        does = {"streams": rest.stream, "paginates": rest.paginate, "polls": rest.poll}
        for name, reason in owned.items():
            if name in _declared(utility) and does[reason]:
                message = (
                    f"`{name}` belongs to the runtime where a utility {reason}; this declaration takes it away"
                )
                yield _warn_key(cursor.at("params", name), message, "Remove it, unless that is what you want")


def required_with_default(subject: Subject) -> Iterator[Problem]:
    """The default of a required param is never used."""
    for utility, cursor in subject.utilities:
        for name in _declared(utility):
            param = cursor.at("params", name)
            if param.flag("required") and name in utility.defaults:
                message = f"`{name}` is required, so its default is never used"
                yield _warn(param.at("default"), message, "Remove `required` or the default")


def nested_default(subject: Subject) -> Iterator[Problem]:
    """Defaults work at the top level only."""
    for utility, cursor in subject.utilities:
        waiting = [cursor.at("params", name) for name in _declared(utility)]
        while waiting:
            current = waiting.pop()
            properties, items = current.get("properties"), current.get("items")
            below = [entry for _, entry in properties.items()] if properties else []
            below += [items] if items else []
            waiting += below
            for default in (entry.get("default") for entry in below):
                if default is not None:
                    yield _warn_key(default, "a default below the top level is shown to callers, but not put in")


def unset_url_param(subject: Subject) -> Iterator[Problem]:
    """A path needs all of its params."""
    for utility, cursor in subject.utilities:
        url = utility.rest.url
        if not isinstance(url, UrlTemplate):
            continue
        required: Any = utility.params.get("required", [])
        for index, part in enumerate(url.parts):
            if "?" in "".join(earlier for earlier in url.parts[:index] if isinstance(earlier, str)):
                break
            if isinstance(part, TemplateParam) and part.name not in required and part.name not in utility.defaults:
                message = f"the url needs `{part.name}`, which a caller may leave out"
                yield _warn_key(cursor.at("params", part.name), message, "Add `required: true` or a default")


# ------------------------------------------------------------------ expressions


def undeclared_setting(subject: Subject) -> Iterator[Problem]:
    """`.settings.titel` is always null."""
    known = subject.skill.settings
    for found in subject.found:
        for name, index in mentions(found.source, "settings", found.side):
            if name is not None and name not in known:
                fix = did_you_mean(name, known) or f"Declare it: `settings: {{{name}: {{default: …}}}}`"
                message = f"`{name}` is not among the `settings`, so this is always null"
                yield _warn_at(found.cursor, index, len(name), message, fix)


def auth_in_definitions(subject: Subject) -> Iterator[Problem]:
    """Only a field's own expression may name `.auth`."""
    for name, _ in mentions(subject.skill.definitions, "auth", "request"):
        message = "definitions do not see credentials: a field's own expression must name `.auth`"
        yield _warn(subject.root.at("definitions"), message, f"Pass `.auth.{name or 'key'}` as an argument")
        return


# ------------------------------------------------------------------ replies


def mapping_and_returns(subject: Subject) -> Iterator[Problem]:
    """`mapping` and `returns` name the same fields."""
    for utility, cursor in subject.utilities:
        mapping = {name for name, _ in utility.rest.response.mapping}
        returns = cursor.get("returns")
        if not mapping or returns is None or not isinstance(returns.json, dict):
            continue
        for name, below in cursor.at("rest", "response", "mapping").items():
            if name not in returns.json:
                yield _warn_key(
                    below, f"`{name}` is not among the `returns`", did_you_mean(name, set(returns.json) - mapping)
                )
        for name, below in returns.items():
            if name not in mapping:
                yield _warn_key(
                    below, f"`{name}` is promised, but `mapping` does not give it", did_you_mean(name, mapping)
                )


def misspelt_returns(subject: Subject) -> Iterator[Problem]:
    """`viod` would be read as the name of an entity."""
    known = ("void", "array", "entity", "string", "integer", "number", "boolean", "object", "any")
    for _, cursor in subject.utilities:
        returns = cursor.get("returns")
        if returns is None or not isinstance(returns.json, str):
            continue
        name = returns.json.removesuffix("[]")
        guess = nearest(name, known)
        if guess and name not in known:
            yield _warn(returns, f"`{returns.json}` is read as the name of an entity", f"Did you mean `{guess}`?")


def raw_and_jq(subject: Subject) -> Iterator[Problem]:
    """Bytes are handed on before any jq could see them."""
    for utility, cursor in subject.utilities:
        if utility.rest.response.raw:
            response = cursor.at("rest", "response")
            for key in ("root", "transform", "mapping"):
                below = response.get(key)
                if below is not None:
                    yield _warn_key(
                        below, f"`{key}` is not used, because the answer is handed on raw", "Remove one"
                    )


# ------------------------------------------------------------------ requests


def body_without_method(subject: Subject) -> Iterator[Problem]:
    """GET and HEAD with a body."""
    for utility, cursor in subject.utilities:
        body = cursor.at("rest").get("body")
        if body is not None and utility.rest.method in ("GET", "HEAD"):
            message = f"a {utility.rest.method} with a body is ignored or refused by most servers"
            yield _warn_key(body, message, "Add `method: POST`, or use `query`")


def unsafe_retry(subject: Subject) -> Iterator[Problem]:
    """A repeated POST may do its work twice."""
    for utility, cursor in subject.utilities:
        retry = utility.rest.retry
        unsafe = utility.rest.method in ("POST", "PATCH")
        if retry is not None and unsafe and retry.attempts > 1 and not retry.idempotency_header:
            message = f"a {utility.rest.method} is repeated only when the API promises to do it once"
            fix = "Name the header: `idempotency_header: Idempotency-Key`; without it, only 429 and 503 are retried"
            yield _warn_key(cursor.at("rest", "retry"), message, fix)


def header_of_auth(subject: Subject) -> Iterator[Problem]:
    """A header that the credential overwrites."""
    for utility, cursor in subject.utilities:
        auth = subject.skill.auth.get(utility.credential or "")
        taken = {place.name.lower() for place in auth.templates if place.location == "header"} if auth else set()
        for name, below in cursor.at("rest", "headers").items() if cursor.at("rest").get("headers") else ():
            if name.lower() in taken:
                yield _warn_key(below, f"`{name}` is overwritten by the credential", "Remove it")


def plain_http(subject: Subject) -> Iterator[Problem]:
    """http:// to another machine can be read on the way."""
    places = [subject.root.at("api", "base_url")] if subject.skill.base_url else []
    places += [cursor.at("rest", "url") for _, cursor in subject.utilities]
    for cursor in places:
        url = cursor.json
        if isinstance(url, str) and url.startswith("http://") and not _is_local(url):
            yield _warn(cursor, "http:// can be read and changed on the way", "Use https://")


def _is_local(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return True
    return host in ("localhost", "::1") or host.startswith("127.") or host.endswith((".localhost", ".local"))


# ------------------------------------------------------------------ the file


def missing_description(subject: Subject) -> Iterator[Problem]:
    """Agents choose a utility by its description."""
    for utility, cursor in subject.utilities:
        if not utility.description:
            yield _warn_key(cursor, f"`{utility.name}` has no description", "Add one: agents choose by it")


def unused_credential(subject: Subject) -> Iterator[Problem]:
    """A credential that no utility carries."""
    used = {utility.credential for utility in subject.skill.utilities.values()}
    for name in subject.skill.auth if subject.skill.utilities else ():
        if name not in used:
            cursor = subject.root.at("auth", "credentials", name)
            yield _warn_key(
                cursor, f"no utility carries the credential `{name}`", "Remove it, or name it in a utility"
            )


def written_secret(subject: Subject) -> Iterator[Problem]:
    """Something that looks like a key, in a file that is meant to be shared."""
    for root in subject.files:
        for found in _SECRET.finditer(root.document.text):
            severity: Severity["error", "warning"] = "error" if found.start() < root.value.end else "warning"
            message = "this looks like a secret, and skill files are shared"
            fix = "Remove it, make a new one, and store that with `agentos keys set`"
            yield Problem(message, root.document.place("", found.start()), fix, severity, len(found[0]))


_SECRET = re.compile(
    r"(?<![\w-])(?:sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|xox[abprs]-[A-Za-z0-9-]{20,}"
    r"|AKIA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{35}|(?<=Bearer )[A-Za-z0-9_.~+/-]{20,}=*)(?![\w-])"
)

RULES: tuple[Rule, ...] = (
    undeclared_param,
    unused_param,
    runtime_owned_param,
    required_with_default,
    nested_default,
    unset_url_param,
    undeclared_setting,
    auth_in_definitions,
    mapping_and_returns,
    misspelt_returns,
    raw_and_jq,
    body_without_method,
    unsafe_retry,
    header_of_auth,
    plain_http,
    missing_description,
    unused_credential,
    written_secret,
)
