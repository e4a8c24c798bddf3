"""What is allowed but probably not meant: one small rule each, over a skill that was read.

A rule takes the Subject and yields Problems. All are warnings.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.mistakes import conditions, expressions, meant, values
from agentos_runtime.manifest.mistakes import rules as mistakes
from agentos_runtime.manifest.mistakes.expressions import gives_list
from agentos_runtime.manifest.mistakes.words import called_otherwise, known_key
from agentos_runtime.manifest.model import Fields, Items, Node, TemplateParam, UrlTemplate, Utility
from agentos_runtime.manifest.names import ADVISED_TOOL_NAME, LONGEST_TOOL_NAME
from agentos_runtime.manifest.requests.rules import REQUEST_RULES
from agentos_runtime.manifest.requests.streamed import requests_of
from agentos_runtime.manifest.sections.expressions import mentions
from agentos_runtime.manifest.sections.reading import EVERY_UTILITY, SIDES, Found
from agentos_runtime.manifest.sections.subject import Rule, Subject, declared, mentioned, warn, warn_at, warn_key
from agentos_runtime.manifest.sections.urls import did_you_mean
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.suggest import suggest


def lint(subject: Subject, has_error_under: Callable[[str], bool] = lambda path: False) -> Iterator[Problem]:
    """What every rule finds; but what only follows from an error in the same utility is left out."""
    others = (*mistakes.RULES, *expressions.RULES, *values.RULES, *meant.RULES, *conditions.RULES)
    for rule in (*RULES, *others):
        for problem in rule(subject):
            utility = _utility_of(problem.place.key)
            if rule is undeclared_param and _has_other_params(subject, utility, has_error_under):
                continue
            if rule.__name__ in _OF_A_PLACE and has_error_under(problem.place.key):
                continue
            if rule.__name__ not in ECHOES or not has_error_under(utility):
                yield problem


def _has_other_params(subject: Subject, path: str, has_error_under: Callable[[str], bool]) -> bool:
    """Whether a utility's params are written in a way that is wrong as a whole, or under another name."""
    found = next((each for _, each in subject.utilities if each.path == path), None)
    if found is None or not has_error_under(path):
        return False
    below = found.get("params")
    if below is not None and any(not name.isidentifier() for name, _ in below.items()):
        return True
    if below is not None:
        return not isinstance(below.json, dict) or has_error_under(f"{path}.params.type")
    return any(known_key(name, ("params",)) and isinstance(each.json, dict | list) for name, each in found.items())


def _utility_of(path: str) -> str:
    return ".".join(path.split(".")[:2])


# ------------------------------------------------------------------ names


def long_tool_name(subject: Subject) -> Iterator[Problem]:
    """Some clients of MCP refuse a tool, or all of them, for a long name."""
    for utility, cursor in subject.utilities:
        name = f"{subject.skill.id}_{utility.name}"
        if len(name) > ADVISED_TOOL_NAME:
            then = "so it is left out there" if len(name) > LONGEST_TOOL_NAME else "which some clients refuse"
            message = f"over MCP this is the tool `{name}`, whose name has {len(name)} characters, {then}"
            yield warn_key(cursor, message, f"Shorten the name, or the skill's id, to {ADVISED_TOOL_NAME} together")


# ------------------------------------------------------------------ params


def undeclared_param(subject: Subject) -> Iterator[Problem]:
    """`.params.modle` is always null."""
    for utility, cursor in subject.utilities:
        if cursor.flag("additional_params"):
            continue
        known = declared(utility)
        yield from _not_among(known, mentioned(subject, utility.name), utility.name)
    if not any(cursor.flag("additional_params") for _, cursor in subject.utilities):
        known = {name: schema for utility, _ in subject.utilities for name, schema in declared(utility).items()}
        yield from _not_among(known, mentioned(subject, EVERY_UTILITY), "any utility")


def _not_among(
    known: Mapping[str, Any], mentioned: Iterable[tuple[str | None, Found, int]], whose: str
) -> Iterator[Problem]:
    for name, found, index in mentioned:
        if name is not None and name not in known:
            fix = did_you_mean(name, known) or "Declare it under `params`"
            message = f"`{name}` is not a param of {whose}, so this is always null"
            yield warn_at(found.cursor, index, len(name), message, fix)


def unknown_params(subject: Subject) -> Iterator[Problem]:
    """The same in a dialect, where expressions may be put together: misspelt ones, each where its text stands."""
    for utility, _ in subject.utilities:
        known = declared(utility)
        for name, found, _ in mentioned(subject, re.sub(r"[^a-z0-9_]", "_", utility.name.lower())):
            guess = did_you_mean(name, known) if name is not None and name not in known else None
            if guess is not None:
                message = f"`{name}` is not a param of {utility.name}, so this is always null"
                yield warn(found.cursor, message, guess)


def unused_param(subject: Subject) -> Iterator[Problem]:
    """A param that nothing reads."""
    definitions = subject.skill.definitions
    anywhere = {name for side in SIDES for name, _ in mentions(definitions, "params", side)}
    anywhere |= {name for name, _, _ in mentioned(subject, EVERY_UTILITY)}
    for utility, cursor in subject.utilities:
        used = {name for name, _, _ in mentioned(subject, utility.name)} | anywhere
        if None in used:
            continue
        used |= _template_names(utility) | _words_of(subject, utility)
        used |= mistakes.meant_params(subject, utility.name)
        used |= {suggest(name, declared(utility)) for name in used if name and name not in declared(utility)}
        for name in declared(utility):
            if name not in used:
                below = cursor.at("params", name)
                fix = f"Use it (`.params.{name}`) or remove it"
                texts = [*_texts_that_are(name, cursor.at("rest"))]
                meant = next((text for text in texts if _snake(text.name) == name), texts[0] if texts else None)
                if meant is not None:
                    message = (
                        f"`{name}` is sent as the text '{name}', and the param `{name}` is not used by anything"
                    )
                    yield warn(meant, message, f"Write `.params.{name}`")
                    continue
                yield warn_key(below, f"the param `{name}` is not used by anything", fix)


def _texts_that_are(name: str, rest: Cursor) -> Iterator[Cursor]:
    """Values of a request that are a param's name."""
    waiting = [below for key in ("query", "headers", "body") if (below := rest.get(key)) is not None]
    while waiting:
        current = waiting.pop(0)
        if current.json == name:
            yield current
        waiting += [*(below for _, below in current.items()), *current.elements()]


def _snake(name: str) -> str:
    return re.sub(r"\W", "_", name).lower()


def _words_of(subject: Subject, utility: Utility) -> set[str]:
    """The words of `rest.ignored`, which names params in texts."""
    ignored = utility.rest.ignored
    return set(re.findall(r"\w+", ignored.source)) if ignored else set()


def _template_names(utility: Utility) -> set[str]:
    names = set(re.findall(r"\{\+?(\w+)\}", utility.web_url or ""))
    for rest in requests_of(utility.rest):
        streamed = rest.stream.body if rest.stream else None
        roots: tuple[Node | None, ...] = (rest.url, rest.headers, rest.query, rest.body, streamed)
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
            if name in declared(utility) and does[reason]:
                message = (
                    f"`{name}` belongs to the runtime where a utility {reason}; this declaration takes it away"
                )
                yield warn_key(cursor.at("params", name), message, "Remove it, unless that is what you want")


def required_with_default(subject: Subject) -> Iterator[Problem]:
    """The default of a required param is never used."""
    for utility, cursor in subject.utilities:
        for name in declared(utility):
            param = cursor.at("params", name)
            if param.flag("required") and name in utility.defaults:
                message = f"`{name}` is required, so its default is never used"
                yield warn(param.at("default"), message, "Remove `required` or the default")


def _below(declaration: Cursor) -> list[Cursor]:
    """What stands right inside of a declaration."""
    properties, items = declaration.get("properties"), declaration.get("items")
    below = [entry for _, entry in properties.items()] if properties else []
    below += [items] if items else []
    return below + ([*several.elements()] if (several := declaration.get("one_of")) else [])


def nested_default(subject: Subject) -> Iterator[Problem]:
    """Defaults work at the top level only."""
    for utility, cursor in subject.utilities:
        waiting = [cursor.at("params", name) for name in declared(utility)]
        while waiting:
            below = _below(waiting.pop())
            waiting += below
            for default in (entry.get("default") for entry in below):
                if default is not None:
                    yield warn_key(default, "a default below the top level is shown to callers, but not put in")


_OF_TYPES: Mapping[str, tuple[frozenset[str], str]] = {
    "minimum": (frozenset({"integer", "number"}), "Remove it: say a length in the `description`"),
    "maximum": (frozenset({"integer", "number"}), "Remove it: say a length in the `description`"),
    "items": (frozenset({"array"}), "Write `type: array`, or remove it"),
    "properties": (frozenset({"object"}), "Write `type: object`, or remove it"),
}


def bound_of_another_type(subject: Subject) -> Iterator[Problem]:
    """`minimum` of a string is never looked at."""
    for utility, cursor in subject.utilities:
        waiting = [cursor.at("params", name) for name in declared(utility)]
        while waiting:
            current = waiting.pop()
            waiting += _below(current)
            said = current.get("type")
            listed = said.json if said and isinstance(said.json, list) else [said.json] if said else []
            types = [one for one in listed if isinstance(one, str)]
            for key, (wanted, fix) in _OF_TYPES.items():
                below = current.get(key)
                if types and below is not None and wanted.isdisjoint(types):
                    yield warn_key(below, f"`{key}` says nothing about the type `{', '.join(types)}`", fix)


# ------------------------------------------------------------------ expressions


def undeclared_setting(subject: Subject) -> Iterator[Problem]:
    """`.settings.titel` is always null."""
    known = subject.skill.settings
    for found in subject.found:
        for name, index in mentions(found.source, "settings", found.side):
            if name is not None and name not in known:
                fix = did_you_mean(name, known) or f"Declare it: `settings: {{{name}: {{default: …}}}}`"
                message = f"`{name}` is not among the `settings`, so this is always null"
                yield warn_at(found.cursor, index, len(name), message, fix)


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
                yield warn_key(
                    below,
                    f"`{name}` is not among the `returns`",
                    did_you_mean(name, set(returns.json) - mapping) or f"Add it there: `{name}: any`",
                )
        for name, below in returns.items():
            if name not in mapping:
                yield warn_key(
                    below,
                    f"`{name}` is promised, but `mapping` does not give it",
                    did_you_mean(name, mapping) or "Add it under `mapping`, or remove it from `returns`",
                )


def meant_by(returns: str) -> str | None:
    """The word of `returns` that the name of an entity was probably meant to be; None when it is a name."""
    known = ("void", "array", "entity", "string", "integer", "number", "boolean", "object", "any")
    name = returns.removesuffix("[]")
    if not re.fullmatch(r"[\w-]+", name):
        return None
    if name in known or called_otherwise(name, known) or name.lower() in known:
        return None
    return suggest(name, known)


def misspelt_returns(subject: Subject) -> Iterator[Problem]:
    """`viod` would be read as the name of an entity."""
    for _, cursor in subject.utilities:
        returns = cursor.get("returns")
        if returns is None or not isinstance(returns.json, str):
            continue
        guess = meant_by(returns.json)
        if guess:
            yield warn(returns, f"`{returns.json}` is read as the name of an entity", f"Did you mean `{guess}`?")


def raw_and_jq(subject: Subject) -> Iterator[Problem]:
    """Bytes are handed on before any jq could see them, and the reply of `void` is null."""
    for utility, cursor in subject.utilities:
        raw = utility.rest.response.raw
        if not raw and not utility.void:
            continue
        reason = "the answer is handed on raw" if raw else "the reply of `returns: void` is null"
        response = cursor.at("rest").get("response")
        for key in ("root", "transform", "mapping") if response else ():
            below = response.get(key) if response else None
            if below is not None:
                yield warn_key(below, f"`{key}` is not used, because {reason}", "Remove one")


def list_for_one(subject: Subject) -> Iterator[Problem]:
    """Pages, and a `transform` that makes a list, where `returns` says that one value comes."""
    for utility, cursor in subject.utilities:
        returns, response = cursor.get("returns"), utility.rest.response
        one = returns is not None and (isinstance(returns.json, dict) or returns.json in _ONE)
        if returns is None or not one or response.mapping:
            continue
        what = "pages are lists" if utility.rest.paginate else None
        if response.transform is not None and gives_list(response.transform.source):
            what = "`transform` gives a list"
        if what is not None:
            yield warn(returns, f"this is about one value, and {what}", "Write `returns: array`")


# ------------------------------------------------------------------ the file


def missing_description(subject: Subject) -> Iterator[Problem]:
    """Agents choose a utility by its description."""
    for utility, cursor in subject.utilities:
        if not utility.description:
            yield warn_key(cursor, f"`{utility.name}` has no description", "Add one: agents choose by it")


def unused_credential(subject: Subject) -> Iterator[Problem]:
    """A credential that no utility carries."""
    used = {utility.credential for utility in subject.skill.utilities.values()}
    for name in subject.skill.auth if subject.skill.utilities else ():
        if name not in used:
            cursor = subject.root.at("auth", "credentials", name)
            yield warn_key(
                cursor, f"no utility carries the credential `{name}`", "Remove it, or name it in a utility"
            )


_ONE = ("object", "string", "number", "integer", "boolean")
_OF_A_PLACE = frozenset({"header_of_auth", "removes_nothing"})
"""What these rules find may be gone when an error at the same place is mended."""
ECHOES = frozenset(
    {"unused_param", "mapping_and_returns", "unset_url_param", "body_without_method", "unsafe_retry"}
)
"""What these rules find may be gone when an error in the same utility is mended."""
RULES: tuple[Rule, ...] = (
    long_tool_name,
    undeclared_param,
    unused_param,
    runtime_owned_param,
    required_with_default,
    nested_default,
    bound_of_another_type,
    *REQUEST_RULES,
    undeclared_setting,
    mapping_and_returns,
    misspelt_returns,
    raw_and_jq,
    list_for_one,
    missing_description,
    unused_credential,
)
