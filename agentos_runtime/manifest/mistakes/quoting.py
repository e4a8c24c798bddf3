"""What is no YAML because quotes are missing, or stand inside quotes of the same kind."""

import re

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.mistakes.environment import FIX, variables
from agentos_runtime.regexes import regex

_ENTRY = regex(r"\s*(?:- +)?(?P<key>[\w.$-]+|\"[^\"]*\"|'[^']*')\s*:[ \t]+(?P<value>\S.*)$")
_UNSEPARATED = regex(
    r"(?P<key>[\w-]+)\s*(?P<sign>:=|=>|=|[\uff1a\ufe55\u2236]|(?<! ):(?![ \t]))\s*(?P<value>(?:/(?!/)|[^\s:/=>]).*)"
)
_IN_FLOW = regex(r"[{,]\s*(?P<key>[\w.$-]+)\s*:[ \t]+(?P<value>['\"][^\n]*)$")
_PLAIN_BRACES = regex(
    r"[{,]\s*(?P<key>[\w.$-]+)\s*:[ \t]+(?P<value>(?:https?:/)?/[^\s'\",{}]*(?:\{\+?\w+\}[^\s'\",{}]*)+)"
)
_BRACES_IN_TEXT = regex(
    r"[{,]\s*(?P<key>[\w.$-]+)\s*:[ \t]+(?P<value>[^\s'\",{}\[\]][^'\",{}\[\]\n]*(?:\{\w+\}[^\s'\",{}]*)+)"
)
_TYPE_OF_LIST = regex(r"[{,]\s*type\s*:[ \t]+(?P<type>[A-Za-z]\w*)\[\]")
_SINGLE = regex(r"'(?:[^']|'')*'")
_DOUBLE = regex(r'"(?:[^"\\]|\\.)*"')
_JQ = regex(r"\||\.\[|\\\(|(?<![\w.\"'])\.\w|//|\$\w")
_BLOCK = regex(r"\s*(?:- +)?(?P<key>[\w.$-]+):[ \t]+(?P<sign>[|>])[-+0-9]*\s*")
_KEYED = regex(r"\s*(?:- |#|[\w.$-]+:(?:\s|$))")
_ODD_INDENT = regex(r" *([^\S\n\r\t ]|[\u200b\ufeff])")
_TEMPLATE = regex(r"\{\{-?\s*\$?\.?(?:\w+\.)*(\w+)\s*-?\}\}")


@dataclass(frozen=True, slots=True)
class Unquoted:
    """What is wrong, what to write, and where in the text."""

    message: str
    fix: str
    offset: int
    follows: bool = False
    """The message goes on where libyaml's own ends, and so does the place."""


def badly_quoted(text: str, offset: int) -> Unquoted | None:
    """What libyaml could not read on the line of `offset`, when it is a matter of quotes."""
    start = text.rfind("\n", 0, offset) + 1
    line = text[start:].split("\n", 1)[0]
    found = _template(line) or _variable(line)
    entry = _ENTRY.match(line)
    found = found or _plain_braces(line) or _type_of_list(line)
    if found is None and entry is not None:
        found = _of_value(entry["key"], entry["value"], entry.start("value"))
    if found is None:
        nested = list(_IN_FLOW.finditer(line))
        found = next((each for match in nested if (each := _of_flow(match))), None)
    found = found or _braces_in_text(line)
    return None if found is None else Unquoted(found.message, found.fix, start + found.offset, found.follows)


def unindented(text: str, offset: int) -> Unquoted | None:
    """A line of a block of text that is not as far in as the block, at or above what could not be read."""
    start = text.rfind("\n", 0, offset) + 1
    lines = text[: start + len(text[start:].split("\n", 1)[0])].split("\n")
    header, inside, at, found = None, None, 0, None
    for line in lines:
        indent = _indent(line)
        if header is not None and line.strip():
            if indent < (inside or _indent(header[0]) + 1) and (
                not _KEYED.match(line) or indent > _indent(header[0])
            ):
                found = Unquoted(*_unindented(header, inside), at + indent)
            inside = indent if inside is None else inside
            header = header if indent >= inside and found is None else None
        if header is None and (begins := _BLOCK.fullmatch(line)):
            header, inside, found = begins, None, None
        at += len(line) + 1
    return found


def _unindented(header: re.Match[str], inside: int | None) -> tuple[str, str]:
    written = f"`{header['key']}: {header['sign']}`"
    if inside is None:
        message = f"the text of {written} begins further in than `{header['key']}`, and this does not"
        return message, "Indent each of its lines by two spaces more"
    return f"this line is less far in than the text of {written} above it", f"Begin it with {inside} spaces"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def glued(text: str, offset: int) -> Unquoted | None:
    """`key:value`, or an indentation that only looks like spaces, on this line or the one before."""
    start = text.rfind("\n", 0, offset) + 1
    for at in (start, text.rfind("\n", 0, max(start - 1, 0)) + 1):
        line = text[at:].split("\n", 1)[0]
        odd = _ODD_INDENT.match(line)
        if odd is not None:
            message = f"the indentation has a character that cannot be seen (U+{ord(odd[1]):04X}) and is no space"
            return Unquoted(message, "Type spaces in its place", at + odd.start(1))
    found = unseparated(text, offset)
    return found if found is not None and "without a space" in found.message else None


def unseparated(text: str, offset: int) -> Unquoted | None:
    """A line that was meant as `key: value`, or as a comment; the offset may be that of the line after it."""
    start = text.rfind("\n", 0, offset) + 1
    for at in (start, text.rfind("\n", 0, max(start - 1, 0)) + 1):
        line = text[at:].split("\n", 1)[0]
        indent = len(line) - len(line.lstrip())
        stripped = line.strip()
        if stripped.startswith(("//", "/*", ";", "--")):
            return Unquoted(f"`{stripped[:2]}` begins no comment in YAML", "Write `# …`", at + indent)
        match = _UNSEPARATED.fullmatch(stripped)
        if match is not None:
            message = f"`{match['sign']}` is not how a key and its value are separated"
            if match["sign"] == ":":
                message = "a `:` without a space behind it separates nothing"
            return Unquoted(message, f"Write `{match['key']}: {match['value'][:60]}`", at + indent)
    return None


def _is_bare(line: str, at: int) -> bool:
    """Whether no quote is open at the index."""
    return is_bare(line[:at])


def is_bare(before: str) -> bool:
    """Whether no quote is open behind what stands on the line."""
    before = _DOUBLE.sub("", _SINGLE.sub("", before))
    return "'" not in before and '"' not in before


def _template(line: str) -> Unquoted | None:
    for match in _TEMPLATE.finditer(line):
        if _is_bare(line, match.start()) and not match[1].isupper():
            return Unquoted(
                f"`{match[0][:60]}` is not how a param is written here",
                f"Write `.params.{match[1]}`, or `{{{match[1]}}}` in a url",
                match.start(),
            )
    return None


def _variable(line: str) -> Unquoted | None:
    for at, written, message in variables(line):
        if _is_bare(line, at) and written[:1] in "${":
            name = written.strip("${} ")
            fix = f"Write `.params.{name}`, or `{{{name}}}` in a url" if name.islower() else FIX
            return Unquoted(message, fix, at)
    return None


def _plain_braces(line: str) -> Unquoted | None:
    """`{url: /things/{id}}`: within a map on one line a brace ends a text without quotes."""
    match = _PLAIN_BRACES.search(line)
    if match is None or not _is_bare(line, match.start("value")):
        return None
    message = (
        "the `{` in this text begins another map, since the text has no quotes and stands in a map on one line"
    )
    return Unquoted(message, f'Write it in quotes: `{match["key"]}: "{match["value"][:60]}"`', match.start("value"))


def _type_of_list(line: str) -> Unquoted | None:
    """`{type: string[]}`: within a map on one line a bracket begins a list."""
    match = _TYPE_OF_LIST.search(line)
    if match is None or not _is_bare(line, match.start()):
        return None
    fix = f"Write `type: array, items: {{type: {match['type']}}}`"
    return Unquoted(f"`{match['type']}[]` is no type here", fix, match.start("type"))


def _braces_in_text(line: str) -> Unquoted | None:
    """`{Authorization: Bearer {token}}`: the same, of any text."""
    match = _BRACES_IN_TEXT.search(line)
    if match is None or not _is_bare(line, match.start("value")):
        return None
    message = (
        "the `{` in this text begins another map, since the text has no quotes and stands in a map on one line"
    )
    return Unquoted(message, f'Write it in quotes: `{match["key"]}: "{match["value"][:60]}"`', match.start("value"))


def _of_value(key: str, value: str, at: int) -> Unquoted | None:
    first = value[0]
    if first in "'\"":
        return _of_quotes(value, at, ends="#")
    if first == "(" and re.match(r"\(\s*\w+:\s", value):
        return Unquoted("`(` opens no map", "Write `{` and `}` in place of the parentheses", at)
    if first == "{" and key in _MAPS and (inner := _of_inner(value, at) or _behind(value, at)) is not None:
        return inner
    if first in "[{" and _JQ.search(value):
        kind = "list" if first == "[" else "map"
        shown = value.rstrip() if len(value) <= 60 and "'" not in value else "…"
        return Unquoted(
            f"jq that begins with `{first}` must stand in quotes: without them YAML reads a {kind}",
            f"Put the whole value in single quotes: `{key}: '{shown}'`",
            at,
        )
    return _behind(value, at)


def _behind(value: str, at: int) -> Unquoted | None:
    """What stands behind a list or a map on one line: `[beta] Find things`, `{a: b}}`."""
    match = _CLOSED.match(value)
    if match is None or match["rest"].startswith("#"):
        return None
    if match["rest"][0] in "}])":
        return Unquoted(f"there is one `{match['rest'][0]}` too many", "Remove it", at + match.start("rest"))
    kind = "list" if value[0] == "[" else "map"
    message = f"`{value[0]}` begins a {kind}, and text follows behind it"
    return Unquoted(message, "Put the whole value in quotes", at)


_CLOSED = regex(r"(?:\[[^\[\]'\"]*\]|\{[^{}'\"]*\})\s*(?P<rest>[^\s,:].*)")
_MAPS = frozenset(
    {
        "query",
        "headers",
        "stream",
        "response",
        "rest",
        "paginate",
        "poll",
        "retry",
        "params",
        "mapping",
        "api",
        "auth",
    }
    | {"returns", "properties"}
)
"""Keys that hold maps, and never jq."""
_DOTTED = regex(r"\[['\"]([A-Za-z_]\w*)['\"]\]")
_BRACKETED_KEY = regex(r"[{,]\s*(?P<key>[\w.$-]+\[[\w.$-]*\](?:\[[\w.$-]*\])*)\s*:")
_INNER = regex(
    r"[{,]\s*(?P<key>[\w.$-]+)\s*:[ \t]+(?P<value>[^\s'\"{}\[,][^'\",{}]*\[[^\]]*\][^,{}]*|'[^']*'\s*[+|][^,}]*)"
)


def _of_inner(value: str, at: int) -> Unquoted | None:
    """`{delta: .choices[0].text}`: within a map on one line a bracket ends a text without quotes."""
    named = _BRACKETED_KEY.search(value)
    if named is not None and is_bare(value[: named.start("key")]):
        message = "the `[` in this key begins a list, since the key has no quotes and stands in a map on one line"
        return Unquoted(message, f'Write the key in quotes: `"{named["key"][:60]}": …`', at + named.start("key"))
    found = _INNER.search(value)
    if found is None:
        return None
    written = found["value"].strip()
    if written.startswith("'"):
        text = re.match(r"'([^']*)'", written)
        shown = f'"{text[1]}"{written[text.end() :]}' if text else written
        message = "the text ends at its quote, and jq strings stand in double quotes"
    elif of_type := re.fullmatch(r"(\w+)\[\]", written):
        fix = f"Write `{found['key']}: {{type: array, items: {{type: {of_type[1]}}}}}`"
        return Unquoted(f"`{written}` is no type here", fix, at + found.start("value"))
    else:
        shown = written if written.startswith((".", "$", "(")) else f".{written}"
        message = "the `[` in this text ends it, since it has no quotes and stands in a map on one line"
    if "'" in shown:
        shown = _DOTTED.sub(r".\1", shown)  # params['q'] is .params.q
    fix = f"Write it in quotes: `{found['key']}: '{shown[:60]}'`"
    if "'" in shown:
        fix = "Put the whole value in single quotes: jq strings stand in double quotes inside"
    return Unquoted(message, fix, at + found.start("value"))


def _of_flow(match: re.Match[str]) -> Unquoted | None:
    return _of_quotes(match["value"], match.start("value"), ends="#,}]:")


def _of_quotes(value: str, at: int, ends: str) -> Unquoted | None:
    """A text that goes on behind the quote that ends it."""
    quote = value[0]
    text = (_SINGLE if quote == "'" else _DOUBLE).match(value)
    rest = value[text.end() :].strip() if text else ""
    if text is None or not rest or rest[0] in ends:
        return None
    if rest[0] in "+|/*-.":
        fix = "Put the whole value in single quotes: jq strings stand in double quotes inside"
    else:
        fix = (
            "A quote inside quotes is doubled: write `''`, or use double quotes there"
            if quote == "'"
            else 'Write `\\"` inside double quotes, or put the whole value in single quotes'
        )
    message = f"the `{quote}` before it ends the text that began with `{quote}`"
    return Unquoted(message, fix, at + text.end() - 1, follows=True)
