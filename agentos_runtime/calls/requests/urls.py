"""Urls that stay what the author wrote, whatever the params say.

Origin, number of path segments and query keys are the author's; a param may only fill a segment or a query value.
A literal url percent-encodes what it is filled with; a jq url is compared with the url that plain letters give.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, quote, urlsplit

from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import TemplateParam, UrlTemplate
from agentos_runtime.regexes import regex

DOT_SEGMENTS = frozenset({".", "..", "%2e", "%2e%2e", ".%2e", "%2e."})
HALF = "has half of a character in it (a lone surrogate), which cannot be sent"
_HALF = regex("[\ud800-\udfff]")
_OF_PARTS = regex(r"[\w.~-]+(?:/[\w.~-]+)+")
_IN_PARTS = regex(r"\b(?:owner|org|organization|user|username|group|namespace|workspace)(?:/\w+)+")
"""Names of parts, as descriptions write them."""


@dataclass(frozen=True, slots=True)
class QueryPair:
    """`name=value` in a literal url's query; left out when its param is not set."""

    parts: tuple[str | TemplateParam, ...]


@dataclass(frozen=True, slots=True)
class CompiledUrl:
    """A literal url cut at its `?` and `&`, so that an unset param takes its whole pair with it."""

    path: tuple[str | TemplateParam, ...]
    query: tuple[QueryPair, ...]


def compile_url(template: UrlTemplate) -> CompiledUrl:
    """Cut the template once, when the skill is loaded."""
    sections: list[list[str | TemplateParam]] = [[]]
    in_query = False
    for part in template.parts:
        if isinstance(part, TemplateParam):
            sections[-1].append(part)
            continue
        pieces = re.split(r"(\?)", part, maxsplit=1) if not in_query else [part]
        if len(pieces) == 3:
            in_query = True
            sections[-1].append(pieces[0])
            sections.append([])
            pieces = [pieces[2]]
        texts = pieces[0].split("&") if in_query else pieces
        sections[-1].append(texts[0])
        sections.extend([text] for text in texts[1:])
    return CompiledUrl(tuple(sections[0]), tuple(QueryPair(tuple(parts)) for parts in sections[1:]))


def fill_url(url: CompiledUrl, params: Mapping[str, Json]) -> str:
    """The url with its params in place.

    Raises InvalidParams for a path param that is unset, empty, `.` or `..`, or no single value.
    """
    path = "".join(part if isinstance(part, str) else _segment(part, params) for part in url.path)
    pairs = [pair for pair in (_pair(pair, params) for pair in url.query) if pair is not None]
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def url_text(value: Json) -> str | None:
    """A single value as text for a url or header (true, 1.5, text); None for null, a list or an object."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, (list, dict)):
        return None
    return dump(value).decode()


def has_half(text: str) -> bool:
    """Whether half of a character is in a text: JSON can say it, no url, form or text can."""
    return _HALF.search(text) is not None


def whole(text: str, name: str) -> str:
    """The text. Raises InvalidParams for one with half of a character."""
    if has_half(text):
        raise _refused(name, HALF)
    return text


def _segment(param: TemplateParam, params: Mapping[str, Json]) -> str:
    text = url_text(params.get(param.name))
    if text is None or not text:
        raise _refused(param.name, "is needed for the url and must be a text or a number that is not empty")
    segments = whole(text, param.name).split("/") if param.keep_slashes else [whole(text, param.name)]
    encoded = [quote(segment, safe="") for segment in segments]
    if any(segment.lower() in DOT_SEGMENTS for segment in encoded):
        raise _refused(param.name, "may not be or contain the path segment '.' or '..'")
    if not all(encoded):
        raise _refused(param.name, "may not have an empty path segment")
    return "/".join(encoded)


def _pair(pair: QueryPair, params: Mapping[str, Json]) -> str | None:
    texts: list[str] = []
    for part in pair.parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        value = params.get(part.name)
        if value is None:
            return None
        text = url_text(value)
        if text is None:
            raise _refused(part.name, "must be a single value, because it stands in the url's query")
        texts.append(quote(whole(text, part.name), safe=""))
    return "".join(texts)


def plain_letters(params: Json, filler: str) -> Json:
    """The params with every string replaced by plain characters: what a jq url is compared with."""
    if isinstance(params, str):
        return filler
    if isinstance(params, list):
        return [plain_letters(item, filler) for item in params]
    if isinstance(params, dict):
        return {name: plain_letters(item, filler) for name, item in params.items()}
    return params


def slashes_of(schema: Mapping[str, Json]) -> dict[str, frozenset[int]]:
    """How many slashes the texts of a param have, for each that its author shows with some.

    The default, the example and `owner/repo` in the description show it: such a param may fill as many segments.
    """
    declared = schema.get("properties")
    found: dict[str, frozenset[int]] = {}
    for name, each in declared.items() if isinstance(declared, dict) else ():
        if not isinstance(each, dict):
            continue
        examples = each.get("examples")
        shown = [each.get("default"), *(examples if isinstance(examples, list) else ())]
        shown += _IN_PARTS.findall(str(each.get("description") or ""))
        counts = {text.count("/") for text in shown if isinstance(text, str) and _OF_PARTS.fullmatch(text)}
        if counts:
            found[name] = frozenset(counts)
    return found


def plain_parts(params: Mapping[str, Json], slashes: Mapping[str, frozenset[int]], filler: str) -> dict[str, Json]:
    """Plain characters for each param that has as many slashes as its author shows, with these slashes."""
    found: dict[str, Json] = {}
    for name, counts in slashes.items():
        given = params.get(name)
        if isinstance(given, str) and given.count("/") in counts:
            found[name] = "/".join([filler] * (given.count("/") + 1))
    return found


def refuse_unset(unset: Sequence[str], plain: Sequence[str | None], filled: Sequence[str | None]) -> None:
    """Raise InvalidParams where a part of a url's path, or a pair of its query, is there with those params only.

    `plain` are urls of plain letters, `filled` the same with letters for those in `unset`, too.
    """
    for one, other in zip(plain, filled, strict=False):
        if unset and one is not None and other is not None and not _differ_in_values(one, other):
            raise _refused(" or ".join(unset), "is not set, and the url needs it")


def _differ_in_values(one: str, other: str) -> bool:
    path, _, query = one.partition("?")
    other_path, _, other_query = other.partition("?")
    return path == other_path and query.count("&") == other_query.count("&")


def without_unset(url: str, plain: str, filled: str | None) -> str:
    """A jq url without the pairs of its query that would hold a param that is not set: see `refuse_unset`."""
    path, mark, query = url.partition("?")
    pairs = zip(
        query.split("&"), *(each.partition("?")[2].split("&") for each in (plain, filled or plain)), strict=True
    )
    left = "&".join(own for own, one, other in pairs if one == other)
    return f"{path}{mark}{left}" if left else path


def same_structure(url: str, plain: str) -> bool:
    """Whether both urls have one origin, as many path segments, the same query keys, and no dot segments."""
    shape = _structure(url)
    return shape is not None and shape == _structure(plain)


def _structure(url: str) -> tuple[str, str, int, tuple[str, ...]] | None:
    if "#" in url or "\\" in url or any(character <= " " or character == "\x7f" for character in url):
        return None
    try:
        parts = urlsplit(url)
        netloc = parts.netloc.lower()
    except ValueError:
        return None
    segments = parts.path.split("/")[1:]
    if "@" in netloc or any(segment.lower() in DOT_SEGMENTS for segment in segments):
        return None
    if any(not segment for segment in segments[:-1]):
        return None
    keys = tuple(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    empty_tail = bool(segments) and not segments[-1]
    return parts.scheme, netloc, len(segments) * 2 + empty_tail, keys


def _refused(name: str, message: str) -> InvalidParams:
    return InvalidParams(f"{name} {message}", problems=[ParamProblem(name, message)])
