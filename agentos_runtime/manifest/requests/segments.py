"""Which params are whole segments of a url's path: an empty one would be the address of something else."""

import re
from collections.abc import Iterator
from typing import TypeAlias

from agentos_runtime.manifest.model import Jq, Node, TemplateParam, UrlTemplate

Part: TypeAlias = str | TemplateParam
_PARAM = r"\.params\.(\w+)(?:\s*\|\s*(?:tostring|@uri))*"
_TERM = re.compile(rf'\s*(?:(?:@uri\s*)?"((?:[^"\\]|\\\(\s*{_PARAM}\s*\))*)"|{_PARAM}|\(\s*{_PARAM}\s*\))\s*')
_INSIDE = re.compile(rf"\\\(\s*{_PARAM}\s*\)")


def whole_segments(url: Node) -> frozenset[str]:
    """Their names, as far as the file shows it: of an expression, texts and params that are put together."""
    match url:
        case UrlTemplate(parts=parts):
            found = [*parts]
        case Jq(source=source, base=base):
            found = [base, *(_put_together(source) or ())]
        case _:
            found = []
    return frozenset(_alone(found))


def _put_together(source: str) -> list[Part] | None:
    """None for an expression that is more than that."""
    parts: list[Part] = []
    at = 0
    while term := _TERM.match(source, at):
        text, named, bracketed = term[1], term[3], term[4]
        if text is None:
            parts.append(TemplateParam(named or bracketed))
        else:
            pieces = _INSIDE.split(text)
            parts += [TemplateParam(piece) if index % 2 else piece for index, piece in enumerate(pieces)]
        at = term.end()
        if at == len(source):
            return parts
        if source[at] != "+":
            return None
        at += 1
    return None


def _alone(parts: list[Part]) -> Iterator[str]:
    """The params between two slashes, in the path."""
    before = ""
    for index, part in enumerate(parts):
        if isinstance(part, str):
            before += part
            if "?" in before:
                return
            continue
        after = "".join(_until_param(parts[index + 1 :]))
        if before.endswith("/") and after[:1] in ("", "/", "?"):
            yield part.name
        before = "x"


def _until_param(parts: list[Part]) -> Iterator[str]:
    for part in parts:
        if not isinstance(part, str):
            yield "x"
            return
        yield part
