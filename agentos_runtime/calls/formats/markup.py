"""XML as JSON: no DTD, no entities of its own, nothing from outside, bounded in depth and number."""

from collections.abc import Iterator
from typing import Any, NoReturn
from xml.parsers import expat

from agentos_runtime.calls.formats.bounds import check_values
from agentos_runtime.calls.formats.charsets import FormatError
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

DEEPEST = 200
"""Elements inside each other."""
_DECLARED = regex(rb"""\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")

Element = dict[str, Any]
"""`{tag, attributes, children}`; children are elements and texts, in the order of the document."""


def declared_encoding(body: bytes) -> str | None:
    """What the document's own first line says that it is written in."""
    found = _DECLARED.match(body)
    return found[1].decode("ascii") if found else None


def read_xml(text: str, *, simple: bool) -> Json:
    """The root as `{tag, attributes, children}`, or with `simple` as `{tag: value}`.

    Names are as they are written, prefixes included; white space between elements is left out. A simple value is
    null, a text, or an object of `@attribute`, `#text` and children by tag, a list where a tag stands several
    times. Raises FormatError for what is not well-formed, has a DTD, or is too deep or too large.
    """
    tree = _Tree()
    parser = tree.parser()
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        words = expat.ErrorString(error.code)
        raise FormatError(f"it is not XML at line {error.lineno}, column {error.offset + 1}: {words}") from None
    except UnicodeEncodeError:
        raise FormatError("it holds characters that XML cannot hold") from None
    root = tree.root
    return {str(root["tag"]): _simple(root)} if simple else root


class _Tree:
    """Grows while the parser calls."""

    def __init__(self) -> None:
        self._open: list[Element] = [{"tag": "", "attributes": {}, "children": []}]
        self._text: list[str] = []
        self._count = 0

    @property
    def root(self) -> Element:
        root: Element = self._open[0]["children"][0]
        return root

    def parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.UnparsedEntityDeclHandler = _refuse
        parser.NotationDeclHandler = _refuse
        parser.ExternalEntityRefHandler = _refuse
        parser.SkippedEntityHandler = _refuse
        return parser

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1 + len(attributes)
        check_values(self._count)
        if len(self._open) > DEEPEST:
            raise FormatError(f"its elements stand deeper than {DEEPEST} inside each other")
        self._settle()
        element: Element = {"tag": tag, "attributes": attributes, "children": []}
        self._open[-1]["children"].append(element)
        self._open.append(element)

    def _end(self, tag: str) -> None:
        self._settle()
        children = self._open.pop()["children"]
        if any(isinstance(child, dict) for child in children):
            children[:] = [child for child in children if isinstance(child, dict) or child.strip()]

    def _settle(self) -> None:
        """What was said since the last tag is one text."""
        text = "".join(self._text)
        self._text.clear()
        if text and len(self._open) > 1:
            self._open[-1]["children"].append(text)


def _refuse(*_: object) -> NoReturn:
    raise FormatError("it has a DTD or an entity of its own, and neither is read")


def _simple(element: Element) -> Json:
    texts = [child for child in element["children"] if isinstance(child, str)]
    below = [child for child in element["children"] if not isinstance(child, str)]
    if not below and not element["attributes"]:
        return "".join(texts) or None
    value: dict[str, Json] = {f"@{name}": text for name, text in element["attributes"].items()}
    if texts:
        value["#text"] = "".join(texts)
    for tag, found in _by_tag(below):
        value[tag] = found[0] if len(found) == 1 else found
    return value


def _by_tag(elements: list[Element]) -> Iterator[tuple[str, list[Json]]]:
    by_tag: dict[str, list[Json]] = {}
    for element in elements:
        by_tag.setdefault(str(element["tag"]), []).append(_simple(element))
    yield from by_tag.items()
