"""Words: a service's names cut into words, its descriptions made one line."""

import re
from collections.abc import Mapping

from agentos_runtime.manifest.secrets.shapes import without_secrets
from agentos_runtime.regexes import regex

_WORD = regex(
    r"[oO]Auth[12]?|oauth[12]|(?:IP|ip)v[46]|GraphQL|OpenAI|Git(?:Hub|Lab)|WhatsApp|YouTube|LinkedIn|iOS(?![a-z])"
    r"|[sS]3(?![a-z\d])|(?:SHA|Sha|sha)\d+|(?:MD|md)5|[bB]ase(?:64|32)|(?:MP|mp)[34]|[kK]8s"
    r"|(?<![A-Za-z])[vV]\d+(?:(?:alpha|beta|rc)\d*)?(?![a-z])"
    r"|[A-Z]{2,}s(?![a-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+"
)
"""First the words that capitals and digits do not cut."""
_LINK = regex(r"!?\[([^\]]*)\]\([^)]*\)")
_HTML = regex(r"</?[A-Za-z][^<>]*>")
_LISTING = regex(r"^\s*(?:[-*+]|\d+\.)\s+")
_MARKS = regex(r"\*\*|__|`|^#+\s*|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)", re.MULTILINE)
_SENTENCE_END = regex(r"(?<!e\.g)(?<!i\.e)(?<!etc)(?<!vs)[.!?](?:\s+(?=[A-Z\"'(]|$)|$)")
_SINGULAR_ENDS: Mapping[str, str] = {"ies": "y", "sses": "ss", "xes": "x", "ches": "ch", "shes": "sh"}
_UNCHANGING = ("ss", "us", "is", "news", "series", "analytics", "settings", "kubernetes", "dns", "sms", "aws")


def words(name: str) -> list[str]:
    """`listBYOKKeys`, `list-byok_keys` → list, byok, keys."""
    return [word.lower() for word in _WORD.findall(name)]


def snake(name: str) -> str:
    """A name of lower-case letters, digits and `_`; empty when nothing of it is left."""
    return "_".join(words(name))


def is_plural(word: str) -> bool:
    return word.endswith("s") and not word.endswith(_UNCHANGING)


def singular(word: str) -> str:
    """`keys` → key, `categories` → category; other words as they are."""
    if not is_plural(word):
        return word
    for end, replacement in _SINGULAR_ENDS.items():
        if word.endswith(end):
            return word[: -len(end)] + replacement
    return word[:-1]


def plain(text: str) -> str:
    """Markdown on one line, without its marks and links."""
    text = _LINK.sub(lambda link: link[1], without_secrets(text))
    text = _HTML.sub(" ", text)
    lines = (_LISTING.sub("", line) for line in _MARKS.sub("", text).splitlines())
    return " ".join(" ".join(lines).split())


def summary(text: str, longest: int = 160, sentences: int = 2) -> str:
    """The first sentences of a description's first paragraph, without a full stop; cut at a word when too long."""
    text = plain(_first_paragraph(text)).rstrip(":")
    ends = [match.end() for match in _SENTENCE_END.finditer(text)][:sentences]
    fitting = [end for end in ends if end <= longest + 1]
    if fitting:
        text = text[: fitting[-1]]
    elif len(text) > longest:
        text = text[: longest - 1].rsplit(" ", 1)[0].rstrip(" ,;:(") + "…"
    text = text.strip()
    return text[:-1] if text.endswith(".") and not text.endswith("..") else text


def _first_paragraph(text: str) -> str:
    """The prose before the first list, table or blank line; everything when it begins with a list."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if lines and (not line.strip() or _LISTING.match(line) or line.lstrip().startswith(("|", "```"))):
            break
        lines.append(line)
    return "\n".join(lines)


def says_the_same(left: str, right: str) -> bool:
    """Whether one of two lines adds little to the other."""
    one, other = ({singular(word) for word in words(text)} for text in (left, right))
    return len(one & other) >= 0.7 * min(len(one), len(other))
