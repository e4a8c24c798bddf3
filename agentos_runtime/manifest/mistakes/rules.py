"""What people write who know other formats: one small rule each, over a skill that was read.

Like the rules of `lint`; what can only fail is an error, all else a warning.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.mistakes.environment import FIX
from agentos_runtime.manifest.mistakes.expressions import params_in_texts
from agentos_runtime.manifest.mistakes.references import astray, dotless, params_of_answer
from agentos_runtime.manifest.mistakes.words import called_otherwise
from agentos_runtime.manifest.model import AuthField
from agentos_runtime.manifest.requests.merging import query_names
from agentos_runtime.manifest.sections.subject import Subject, declared, warn, warn_at, warn_key
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex
from agentos_runtime.suggest import suggest

RETURNED = ("array", "string", "integer", "number", "boolean", "object", "void", "any")
_ENTITIES = frozenset({"file", "image", "document", "record", "table", "class", "model", "message", "id", "upload"})
"""What other languages may call a type, and services an entity."""
_SCHEMES = ("Bearer", "Basic", "Token", "Bot", "ApiKey", "Api-Key", "Key", "OAuth", "JWT", "PAT", "GenieKey")
_PLACE_OF_KEY = regex(r"\$?\{+[^{}]*\}+|<[^<>]*>|\$\w+")
_UNMARKED = regex(r"(?:https?:/)?/[^?&\s\"]*(&)[\w.\[\]-]+=")
_ENV = regex(r"\$ENV\b(?:\.\w+)?")
_ENVIRONMENT = regex(rf"{_ENV.pattern}|(?<![\w)\]}}\"$./-])\.env\.[A-Za-z_]\w*")
_OF_JQ = regex(rf'"({"|".join(_SCHEMES)})"\s*\+\s*\(?\s*\.auth\b|"({"|".join(_SCHEMES)})\\\(\s*\.auth\b')


def returns_of_another_language(subject: Subject) -> Iterator[Problem]:
    """`list` would be read as the name of an entity, and every reply that is a list would be refused."""
    for utility, cursor in subject.utilities:
        returns = cursor.get("returns")
        if utility.returns is None or returns is None or not isinstance(returns.json, str):
            continue
        word = returns.json.removesuffix("[]")
        is_list = word != returns.json
        if word in RETURNED:
            meant = "array" if is_list else None
        else:
            meant = None if word in _transformed(subject) else type_of_another_language(word)
            meant = "array" if is_list and meant else meant
        if meant:
            message = f"`{returns.json}` is no type here, and would be read as the name of an entity"
            fix = f"Write `{meant}`, or a map of properties: `{{name: string}}`"
            yield replace(warn(returns, message, fix), severity="error")


def type_of_another_language(word: str) -> str | None:
    """The type that a word in `returns` is read as; None for what can be the name of an entity."""
    if word.lower() in _ENTITIES:
        return None
    return word.lower() if word.lower() in RETURNED else called_otherwise(word, RETURNED)


def _transformed(subject: Subject) -> frozenset[str]:
    below = subject.root.get("transformers")
    return frozenset(name for name, _ in below.items()) if below else frozenset()


def scheme_without_space(subject: Subject) -> Iterator[Problem]:
    """`Authorization: Bearer<key>` is what no service takes."""
    if not subject.skill.auth:
        return
    for cursor, text in _prefixes(subject):
        scheme = next((each for each in _SCHEMES if each.lower() == text.lower()), None)
        meant = _meant_prefix(text) if scheme is None and cursor.name == "prefix" and text.isascii() else None
        if meant is not None:
            message = f"`{text}` is sent as it stands, right before the key"
            yield warn(cursor, message, f'Write prefix: "{meant}"')
        if scheme:
            message = f"`{text}` is sent right before the key, without a space between them"
            yield replace(warn(cursor, message, _space_fix(cursor, text)), severity="error")
    for found in subject.found:
        for match in _OF_JQ.finditer(found.source) if found.side == "request" else ():
            word = match[1] or match[2]
            message = f"`{word}` is sent right before the key, without a space between them"
            yield warn_at(found.cursor, match.start(), len(match[0]), message, f'Write "{word} " with a space')


def _meant_prefix(text: str) -> str | None:
    """The prefix that was meant by one with a header's name, a colon, a place for the key or a misspelt scheme."""
    words = re.sub(r"\A[\w-]+:\s*(?=\S)", "", text)
    bare = _PLACE_OF_KEY.sub("", words)
    word = bare.strip().rstrip(":")
    near = next((each for each in _SCHEMES if each.lower() == word.lower()), None)
    near = near or (suggest(word, _SCHEMES) if len(word) > 4 else None)
    if near is not None:
        meant = f"{word if near.lower() == word.lower() else near} "
        return meant if meant != text else None
    return bare if bare != words else None


def _space_fix(cursor: Cursor, text: str) -> str:
    if cursor.name == "prefix":
        return f'Write it in quotes, with a space at its end: prefix: "{text} "'
    return f"Write a space after `{text}`"


def _prefixes(subject: Subject) -> Iterator[tuple[Cursor, str]]:
    """The text in front of a credential in a header, and where it stands."""
    for name, auth in subject.skill.auth.items():
        one = subject.root.at("auth")
        one = one.at("credentials", name) if one.get("credentials") else one
        for template in auth.templates if auth.kind in ("api_key", "template", "oauth") else ():
            first, second = (*template.parts, None, None)[:2]
            if template.location == "header" and isinstance(first, str) and isinstance(second, AuthField):
                below = one.get("prefix") if auth.kind == "api_key" else one.at("header").get(template.name)
                if below is not None:
                    yield below, first


def query_without_its_mark(subject: Subject) -> Iterator[Problem]:
    """`/things&limit=5` has no query: all of it is the path."""
    for _, cursor in subject.utilities:
        below = cursor.at("rest").get("url")
        match = _UNMARKED.match(below.json) if below is not None and isinstance(below.json, str) else None
        if below is not None and match is not None:
            message = "no `?` begins the query of this url, so that what stands behind `&` is part of its path"
            yield warn_at(below, match.start(1), 1, message, "Write `?` in place of the first `&`")


def query_given_twice(subject: Subject) -> Iterator[Problem]:
    """A key in the url and in `query` is sent twice."""
    for utility, cursor in subject.utilities:
        written = query_names(utility.rest.url)
        own = cursor.at("rest").get("query")
        for name, below in own.items() if own else ():
            if name in written and below.json is not None:
                message = f"`{name}` stands in the url too, so it is sent twice"
                yield warn_key(below, message, "Keep one of the two; best the one under `query`")


def query_of_auth(subject: Subject) -> Iterator[Problem]:
    """A query key that the credential overwrites."""
    for utility, cursor in subject.utilities:
        auth = subject.skill.auth.get(utility.credential or "")
        taken = {place.name for place in auth.templates if place.location == "query"} if auth else set()
        rest = cursor.at("rest")
        own = rest.get("query")
        for name, below in own.items() if own and taken else ():
            if name in taken and below.json is not None:
                yield warn_key(below, f"`{name}` is overwritten by the credential", "Remove it")
        for name in sorted(taken & query_names(utility.rest.url)):
            yield warn(rest.at("url"), f"`{name}` in this url is overwritten by the credential", "Remove it")


def path_to_nowhere(subject: Subject) -> Iterator[Problem]:
    """A request sees `.params`, so `.param.q` and `.q` are always null."""
    for utility, _ in subject.utilities:
        known = declared(utility)
        for found in subject.expressions.get(utility.name, ()):
            for index, path, name in astray(found.source, known) if found.side == "request" else ():
                message = f"`{path}` is always null: a request sees its params under `.params`"
                yield warn_at(found.cursor, index, len(path) - 1, message, f"Write `.params.{name}`")


def params_in_answer(subject: Subject) -> Iterator[Problem]:
    """In a response `.` is the answer, so `.params.q` asks the answer for what the caller gave."""
    for utility, _ in subject.utilities:
        known = declared(utility)
        for found in subject.expressions.get(utility.name, ()):
            for start, end, name in params_of_answer(found.source, known) if found.side == "response" else ():
                message = f"`{found.source[start:end]}` asks the answer, not the call: nearly always null"
                yield warn_at(found.cursor, start, end - start, message, f"Write `$params.{name}`")


def environment_in_jq(subject: Subject) -> Iterator[Problem]:
    """`$ENV` is empty in a skill, and a request sees no `.env`."""
    for found in subject.found:
        form = _ENVIRONMENT if found.side == "request" and subject.skill.dialect is None else _ENV
        for match in form.finditer(found.source):
            message = f"`{match[0][:60]}` is always null: a skill reads no environment variables"
            yield warn_at(found.cursor, match.start(), len(match[0]), message, FIX)


def meant_params(subject: Subject, utility: str) -> frozenset[str]:
    """The params of a utility that something is meant to use, and is reported as not using."""
    names = {name for owner, name in subject.meant if owner in (utility, "")}
    one = subject.skill.utilities.get(utility)
    known = declared(one) if one else {}
    for found in subject.expressions.get(utility, ()):
        names |= set(dotless(found.source, known))
        if found.side == "request":
            names |= {name for _, _, name in astray(found.source, known)}
            names |= {name for _, _, name, _ in params_in_texts(found.source, known)}
        else:
            names |= {name for _, _, name in params_of_answer(found.source, known)}
    return frozenset(names)


RULES: tuple[Callable[[Subject], Iterable[Problem]], ...] = (
    returns_of_another_language,
    scheme_without_space,
    query_without_its_mark,
    query_given_twice,
    query_of_auth,
    path_to_nowhere,
    params_in_answer,
    environment_in_jq,
)
