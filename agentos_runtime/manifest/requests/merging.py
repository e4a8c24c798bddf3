"""Fields under fields: what all utilities share stands under what one of them says."""

from collections.abc import Callable
from urllib.parse import unquote_plus

from agentos_runtime.manifest.model import Fields, Jq, Literal, UrlTemplate


def headers_over(own: Fields, shared: Fields) -> Fields:
    """The shared headers and the own ones, which win; names are compared without regard to case."""
    return _over(own, shared, str.lower)


def query_over(own: Fields, shared: Fields, url: Literal | UrlTemplate | Jq | None = None) -> Fields:
    """The shared query and the own one, which wins, and so does what a literal `url` of its own writes."""
    written = query_names(url) if url else frozenset()
    left = Fields(tuple(entry for entry in shared.entries if entry[0] not in written))
    return _over(own, left, str)


def query_names(url: Literal | UrlTemplate | Jq) -> frozenset[str]:
    """The query keys that a literal url writes; none for jq."""
    match url:
        case Literal(value=str(text)):
            pass
        case UrlTemplate(parts=parts):
            text = "".join(part if isinstance(part, str) else "x" for part in parts)
        case _:
            return frozenset()
    pairs = text.partition("?")[2].split("&")
    return frozenset(unquote_plus(pair.partition("=")[0]) for pair in pairs if pair)


def _over(own: Fields, shared: Fields, same: Callable[[str], str]) -> Fields:
    names = {same(name) for name, _ in own.entries}
    return Fields((*(entry for entry in shared.entries if same(entry[0]) not in names), *own.entries))
