"""Where jq names the credential: `.auth.key`, `.auth["key"]`, `.["auth"].key`."""

from collections.abc import Iterator

from agentos_runtime.manifest.model import Expression, Jq, PlainPath
from agentos_runtime.regexes import regex

_ROOT = r"""(?<![\w/:$)\]?])\.\s*(?:auth(?!\w)|"auth"|\[\s*"auth"\s*\])"""
_NAME = r"""(?:\s*\.\s*([A-Za-z_]\w*)|\s*\.?\s*\[\s*"(\w+)"\s*\]|\s*\.\s*"(\w+)")?"""
_MENTION = regex(_ROOT + _NAME)

_WORD = regex(r"(?<!params\.)(?<!\w)auth(?!\w)")


def mentions_of_auth(source: str) -> Iterator[tuple[str | None, int]]:
    """Each mention: the field's name (None where the whole of `.auth` is used) and its index in the source.

    What reaches the credential without naming it (`getpath`, `. as $x | $x.auth`, a name put together) is not found
    here, and is refused when the request is made: see `calls.injecting`.
    """
    for found in _MENTION.finditer(source):
        yield found[1] or found[2] or found[3], found.start()


def named_fields(source: str) -> frozenset[str]:
    """The credential's fields that a jq text names; `.auth` alone is taken for `key`."""
    return frozenset(name or "key" for name, _ in mentions_of_auth(source))


def has_the_word(source: str) -> bool:
    """Whether the word stands anywhere in a jq text, other than as `.params.auth`: it may reach the credential."""
    return _WORD.search(source) is not None


def names_auth(expression: Expression) -> bool:
    """Whether an expression names the credential, itself or through a definition that it uses."""
    match expression:
        case PlainPath(steps=steps):
            return steps[:1] == ("auth",)
        case Jq(source=source, auth_fields=fields):
            return bool(fields) or bool(named_fields(source))
