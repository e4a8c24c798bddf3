"""Link headers (RFC 8288): where a list goes on."""

from collections.abc import Iterator, Mapping
from urllib.parse import quote, urljoin

from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.regexes import regex

_UNFIT = regex(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_UNENCODED = regex(r"[^\x21-\x7e]+")
_NAME_ENDS = frozenset("=;, \t")


def next_target(header: str, base: str) -> str | None:
    """The address of the first link that says it is the `next` of `base`; None when there is none.

    Relative ones are relative to `base`. Raises ValueError for a link that is no http address.
    """
    for target, parameters in read_links(header):
        relations = parameters.get("rel", "").lower().split()
        if "next" not in relations or not _is_of(base, parameters.get("anchor")):
            continue
        return link_of(target, base)
    return None


def link_of(target: str, base: str) -> str:
    """The whole address that a link of `base` leads to. Raises ValueError for what is no http address.

    Services write addresses by hand: what they left unencoded is encoded, as browsers do.
    """
    target = target.strip()
    url = urljoin(base, target)  # which leaves out line breaks
    if origin_of(url) is None or _UNFIT.search(target):
        raise ValueError("it is no http address")
    return _UNENCODED.sub(lambda found: quote(found[0]), url.partition("#")[0])


def _is_of(base: str, anchor: str | None) -> bool:
    """Whether a link with that `anchor` is one of `base`, and not of some other resource."""
    return anchor is None or urljoin(base, anchor).partition("#")[0] == base.partition("#")[0]


def read_links(header: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each link: its target and its parameters by lower-case name, the first of a name. What is no link ends it."""
    at = 0
    while True:
        at = _skip(header, at, ", \t")
        if at >= len(header) or header[at] != "<":
            return
        end = header.find(">", at)
        if end < 0:
            return
        target, at = header[at + 1 : end], end + 1
        parameters: dict[str, str] = {}
        while (at := _skip(header, at, " \t")) < len(header) and header[at] == ";":
            name, value, at = _parameter(header, _skip(header, at + 1, " \t"))
            if name:
                parameters.setdefault(name, value)
        yield target, parameters


def _parameter(text: str, at: int) -> tuple[str, str, int]:
    start = at
    while at < len(text) and text[at] not in _NAME_ENDS:
        at += 1
    name = text[start:at].lower()
    at = _skip(text, at, " \t")
    if at >= len(text) or text[at] != "=":
        return name, "", at
    at = _skip(text, at + 1, " \t")
    if at < len(text) and text[at] == '"':
        return name, *_quoted(text, at + 1)
    start = at
    while at < len(text) and text[at] not in ";,":
        at += 1
    return name, text[start:at].strip(), at


def _quoted(text: str, at: int) -> tuple[str, int]:
    pieces: list[str] = []
    while at < len(text) and text[at] != '"':
        at += text[at] == "\\"
        pieces.append(text[at : at + 1])
        at += 1
    return "".join(pieces), at + 1


def _skip(text: str, at: int, characters: str) -> int:
    while at < len(text) and text[at] in characters:
        at += 1
    return at
