"""Variables of the environment as shells, CI and other formats write them: a skill reads none."""

from collections.abc import Iterator

from agentos_runtime.regexes import regex

_VARIABLE = regex(
    r"\$\{\s*(?:env\.|secrets?\.|vars\.)?[A-Za-z_]\w*(?::?[-?][^{}]*)?\s*\}"
    r"|\$\{\{\s*(?:env\.|secrets?\.|vars\.)?[A-Za-z_]\w*\s*\}\}"
    r"|\{\{\s*(?:env\.|secrets?\.)?[A-Z][A-Z0-9_]+\s*\}\}"
    r"|(?<![\w$])\$[A-Z][A-Z0-9_]{2,}\b"
    r"|\b(?:process\.env|os\.environ|ENV|env)(?:\.|\[\W?)[A-Z][A-Z0-9_]+(?:\W?\])?"
)
FIX = (
    "Write the value itself; a key is stored with `agentos keys set` and goes where `auth` says; "
    "what a caller gives is `.params.name`"
)


def variables(text: str) -> Iterator[tuple[int, str, str]]:
    """Each variable: where it begins, the variable, and what to say of it."""
    for match in _VARIABLE.finditer(text):
        yield match.start(), match[0], f"`{match[0][:60]}` is not replaced: a skill reads no environment variables"
