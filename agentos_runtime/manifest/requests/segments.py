"""Which params may not be empty since a url's path needs them: it would be the address of something else."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from agentos_runtime.manifest.model import Jq, Node, TemplateParam, UrlTemplate
from agentos_runtime.regexes import regex

Part: TypeAlias = str | TemplateParam
_PARAM = r"\.params\.(\w+)(?:\s*\|\s*(?:tostring|@uri))*"
_TERM = regex(rf'\s*(?:(?:@uri\s*)?"((?:[^"\\]|\\\(\s*{_PARAM}\s*\))*)"|{_PARAM}|\(\s*{_PARAM}\s*\))\s*')
_INSIDE = regex(rf"\\\(\s*{_PARAM}\s*\)")


def needed_in_path(url: Node) -> frozenset[str]:
    """Their names: all of a template's path; of an expression those that it puts between two slashes."""
    match url:
        case UrlTemplate(parts=parts):
            return frozenset(_in_path(parts))
        case Jq(source=source, base=base):
            return frozenset(_alone([base, *(_put_together(source) or ())]))
        case _:
            return frozenset()


def _in_path(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, TemplateParam):
            yield part.name
        elif "?" in part:
            return


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
