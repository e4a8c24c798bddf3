"""Is a string of a manifest jq, a url template, or just text? The rule is static and documented in the manifest's
reference ("How strings are read"): nothing about a call can change it.
"""

from typing import Literal

from agentos_runtime.regexes import regex

SourceKind = Literal["literal", "url", "jq"]

_URL_STARTS = ("http://", "https://", "/")
_JQ_START = regex(r"""[."(\[{]|[$@][A-Za-z]|(?:if|def|reduce|foreach|try)[ (]""")
_JQ_WORDS = frozenset({"not", "true", "false", "null"})
_FIRST_WORD = regex(r"[A-Za-z_][A-Za-z0-9_]*(?![\w:-]|/(?!/))")
_INPUT_PATH = regex(r"(?<![\w/:])\.(?:params|auth)(?=[.\s\[\](){}]|\Z)")
_MEANT_AS_JQ = regex(
    r""" \| | // |\$(?:params|response|settings)\b|\.params\b|(?<!\w)\.auth\b"""
    r"""|^(?:map|select|join|split|first|last)\("""
)


def classify(text: str, definition_names: frozenset[str]) -> SourceKind:
    """How a string under `url`, `headers`, `query` or `body` is read; never raises.

    `definition_names` are the names the skill defines under `definitions`, without their arguments.
    """
    if text.startswith(_URL_STARTS):
        return "url"
    if _JQ_START.match(text) or text in _JQ_WORDS or _INPUT_PATH.search(text):
        return "jq"
    word = _FIRST_WORD.match(text)
    return "jq" if word and word.group() in definition_names else "literal"


def looks_like_jq(text: str) -> bool:
    """True for a literal in which jq was probably meant, so that its author deserves a warning."""
    return not text.startswith(_URL_STARTS) and _MEANT_AS_JQ.search(text) is not None
