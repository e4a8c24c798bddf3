"""Params as other languages write them (`params.q`, `{{q}}`, `${q}`, `:q` …) instead of `.params.q` or `{q}`."""

import re
from collections.abc import Container, Iterable, Iterator

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.mistakes.environment import FIX, variables
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex

_NAME = r"(?P<name>[A-Za-z_]\w*)"
_HOLDER = (
    r"(?P<holder>[Pp]arams?|parameters?|args|arguments?|inputs?|vars|variables|query|path|request|ctx|props|kwargs"
    r"|json)"
)
_WITHIN = rf"\s*\$?\.?(?:{_HOLDER}(?:\.|\[[\"']))?{_NAME}(?:[\"']\])?\s*"
_FORMS = (
    regex(rf"=?\$?\{{\{{-?{_WITHIN}(?:\|[^{{}}]*)?-?\}}\}}"),
    regex(rf"[$#]\{{{_WITHIN}(?::?-[^{{}}]*)?\}}"),
    regex(rf"<%[=-]?{_WITHIN}%>"),
    regex(rf"%\({_NAME}\)[sd]"),
)
_AT = regex(rf"@\{{{_WITHIN}(?::?-[^{{}}]*)?\}}")
"""Not in urls, where `/@{name}` is the page of one who is called so."""
_MARKED = (regex(rf"[:$@]{_NAME}"), regex(rf"<{_NAME}>"), regex(rf"%{_NAME}%"))
"""Only where they are the whole text: elsewhere they are often meant."""
_SPACED_BRACES = regex(rf"\{{{_WITHIN}\}}")
_BRACES = regex(rf"(?<![{{$#@])\{{\$?\.?(?:{_HOLDER}\.)?{_NAME}\}}(?!\}})")
_HELD_BRACES = regex(rf"\{{\s*\$?\.?{_HOLDER}\.{_NAME}\s*\}}")
_DOTTED = regex(rf"(?<![\w.$/:@-])\$?\.?{_HOLDER}(?:\.{_NAME}|\[[\"']?(?P<key>\w+)[\"']?\])(?![\w(:/@]|\.\w)")
_DOTTED_IN_URL = regex(rf"(?<![\w:@-])\$?\.{_HOLDER}\.{_NAME}(?![\w(])")
_OF_VARIABLE = regex(rf"\$(?:\.params|(?!params\b){_HOLDER})\.{_NAME}")
_SEGMENTS = (
    regex(rf"(?<=[/=])[:$]{_NAME}(?=[/?.&]|\Z)"),
    regex(rf"(?<=[/=])<(?:\w+:)?{_NAME}>(?=[/?.&]|\Z)"),
)


_FOREIGN = regex(r"=?\$?\{\{-?\s*\$?\.?(?:\w+\.)*(?P<name>[A-Za-z_]\w*)\s*-?\}\}")
_FOREIGN_BRACES = regex(r"(?<![{$#@\w])\{(?P<name>[A-Za-z_]\w*)\}(?!\})")
_FORMATTED = regex(r"%[sdvifu@]")
_OF_A_CREDENTIAL = regex(r"token|key|secret|passw|auth|bearer|credential", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lookalike:
    """Where in a text a param is written as no param is."""

    start: int
    end: int
    name: str


def lookalikes(text: str, params: Container[str], *, url: bool = False) -> tuple[Lookalike, ...]:
    """Each, in the order of the text, none within another; `url` for where `{name}` is a param."""
    forms = (*_FORMS, _HELD_BRACES, _DOTTED_IN_URL, *_SEGMENTS) if url else (*_FORMS, _AT, _BRACES, _DOTTED)
    found: dict[int, Lookalike] = {}
    for form in forms:
        for match in form.finditer(text):
            one = _of(match)
            if _is_meant(match, one.name, params):
                found.setdefault(one.start, one)
    for form in () if url else (*_MARKED, _SPACED_BRACES):
        whole = form.fullmatch(text)
        if whole is not None and _is_meant(whole, whole["name"], params):
            found.setdefault(0, _of(whole))
    kept: list[Lookalike] = []
    for start in sorted(found):
        if not kept or start >= kept[-1].end:
            kept.append(found[start])
    return tuple(kept)


def _of(match: re.Match[str]) -> Lookalike:
    named = match.groupdict()
    return Lookalike(match.start(), match.end(), named["name"] or named.get("key") or "")


def _is_meant(match: re.Match[str], name: str, params: Container[str]) -> bool:
    return name in params or match.groupdict().get("holder") == "params"


def report_lookalikes(cursor: Cursor, text: str, scope: Scope, *, url: bool = False) -> bool:
    """Report params that are written as no param is, and variables of the environment; whether there are any."""
    found = lookalikes(text, scope.params, url=url)
    for one in found:
        scope.reading.meant.append((scope.utility, one.name))
        place = cursor.document.place(cursor.path, cursor.offset_at(one.start))
        written = text[one.start : one.end]
        message = f"`{written[:60]}` is sent as it stands: a param is not written so"
        whole = one.start == 0 and one.end == len(text.strip())
        told = scope.report.error if url or whole else scope.report.warning
        told(place, message, fix_of(text, one, url=url), one.end - one.start)
    if found or report_variables(cursor, text, scope.report, url=url):
        return True
    return not url and report_foreign(cursor, text, scope)


def report_foreign(cursor: Cursor, text: str, scope: Scope) -> bool:
    """Report what would be filled in elsewhere and is no param: `{{apiKey}}`, `Bearer {token}`, `%s`."""
    braces = None if (match := _FOREIGN.search(text)) else _FOREIGN_BRACES.search(text)
    match = match or braces or _FORMATTED.fullmatch(text.strip())
    if match is None:
        return False
    name = match.groupdict().get("name")
    bare = match is braces and match[0] != text.strip()
    if name is not None and bare and not (".headers." in cursor.path and _OF_A_CREDENTIAL.search(name)):
        return False
    message = f"`{match[0][:60]}` is sent as it stands: nothing is put in its place"
    at = cursor.document.place(cursor.path, cursor.offset_at(match.start()))
    scope.report.error(at, message, _foreign_fix(cursor, text, match[0], name), len(match[0]))
    return True


def _foreign_fix(cursor: Cursor, text: str, written: str, name: str | None) -> str:
    if name is None:
        return "Write `.params.NAME`, with the name of the param"
    if not _OF_A_CREDENTIAL.search(name):
        return f"Declare `{name}` under `params`, and write `.params.{name}`"
    place = "header" if ".headers." in cursor.path else "query" if ".query." in cursor.path else "body"
    shown = text.replace(written, f"{{{name}}}")
    return f'Remove it: a key is put on by `auth`, which says `{place}: {{{cursor.name}: "{shown[:60]}"}}`'


def report_variables(cursor: Cursor, text: str, report: Report, *, url: bool) -> bool:
    """Report what would be a variable of the environment elsewhere; whether there is one."""
    found = False
    for index, written, message in variables(text):
        found = True
        told = report.error if url or written == text.strip() else report.warning
        told(cursor.document.place(cursor.path, cursor.offset_at(index)), message, FIX, len(written))
    return found


def fix_of(text: str, one: Lookalike, *, url: bool = False) -> str:
    """What to write instead."""
    if url:
        return f"Write {{{one.name}}}"
    if one.start == 0 and one.end == len(text):
        return f"Write `.params.{one.name}`"
    instead = f'"{text[: one.start]}\\(.params.{one.name}){text[one.end :]}"'
    plain = '"' not in text and "\\" not in text and len(text) <= 80 and "\n" not in text
    return f"Write '{instead}'" if plain else f"Write a jq string with `\\(.params.{one.name})` in it"


def in_jq(source: str, params: Container[str]) -> Lookalike | None:
    """A whole expression that is a param in another language and something else in jq: `{q}`, `{{q}}`, `$q`."""
    text = source.strip()
    for form in (*_FORMS, _AT, _SPACED_BRACES, *_MARKED):
        match = form.fullmatch(text)
        if match is not None and match["name"] in params and match.groupdict().get("holder") != "params":
            return Lookalike(source.index(text), source.index(text) + len(text), match["name"])
    for form in (_HELD_BRACES, _OF_VARIABLE):
        match = form.fullmatch(text)
        if match is not None and match["name"] in params:
            return Lookalike(source.index(text), source.index(text) + len(text), match["name"])
    if (match := _FORMS[0].fullmatch(text)) and _is_meant(match, match["name"], params):
        return Lookalike(source.index(text), source.index(text) + len(text), match["name"])
    return None


_ROOT = regex(r"\s*\(?\s*\.(?P<root>[A-Za-z_]\w*)(?:\.(?P<name>[A-Za-z_]\w*))?")
_SEEN = frozenset({"params", "auth", "settings"})


def astray(source: str, params: Container[str]) -> Iterator[tuple[int, str, str]]:
    """Of a request expression that begins with a path: where it asks for what it does not see, and what was meant.

    Gives the index of the first name, that name (or path), and the param.
    """
    match = _ROOT.match(source)
    if match is None or match["root"] in _SEEN:
        return
    root, name = match["root"], match["name"]
    if name is not None and name in params:
        yield match.start("root"), f".{root}.{name}", name
    elif root in params:
        yield match.start("root"), f".{root}", root


def dotless(source: str, params: Container[str]) -> Iterator[str]:
    """The params that jq names without the dot before `params`, or as if they were variables."""
    yield from (match["name"] for match in _DOTTED.finditer(source) if match["name"] in params)
    yield from (match["name"] for match in _VARIABLE_OF_JQ.finditer(source) if match["name"] in params)


_VARIABLE_OF_JQ = regex(rf"\${_NAME}")
_ANSWER_PARAMS = regex(r"(?<![\w/:$)\]}\"])\.(?:params|param|parameters)\s*\.\s*([A-Za-z_]\w*)")


def params_of_answer(source: str, params: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    """Of a response expression: `.params.q`, which asks the answer for what the caller gave: start, end, name."""
    known = {name.lower(): name for name in params}
    for match in _ANSWER_PARAMS.finditer(source):
        if match[1].lower() in known:
            yield match.start(), match.end(), known[match[1].lower()]
