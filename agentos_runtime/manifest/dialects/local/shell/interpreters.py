"""Programs that take code: which of their words are code, and whether they read it from their input."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentos_runtime.manifest.dialects.local.shell.script import Word

_BY_FLAG: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("bash", "sh", "zsh", "dash", "ksh", "fish", "rbash"), ("c", "--init-file", "--rcfile")),
    **dict.fromkeys(("python", "pypy"), ("c", "m")),
    **dict.fromkeys(("perl",), ("e", "E", "I", "M", "m")),
    **dict.fromkeys(("node", "nodejs", "bun", "deno"), ("e", "p", "r", "--eval", "--print", "--require", "eval")),
    **dict.fromkeys(("ruby", "lua", "osascript", "rscript", "swift", "tclsh", "groovy", "scala"), ("e", "l", "r")),
    **dict.fromkeys(("php",), ("r", "B", "R", "E", "f")),
    **dict.fromkeys(("expect", "guile", "elixir"), ("c", "e")),
}
"""A word after one of these flags is code, or names it; without one the first plain word is a file of code."""
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "ksh", "fish", "rbash"})
_FIRST_WORD: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("sed", "gsed"), ("e", "f", "--expression", "--file")),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), ("f", "e", "i", "l", "--file", "--source")),
    **dict.fromkeys(("jq", "gojq", "jaq", "yq"), ("f", "L", "--from-file")),
}
"""The first plain word is code, unless a flag names it."""
_ALL: frozenset[str] = frozenset(
    {
        "sqlite3", "psql", "mysql", "mariadb", "duckdb", "mongosh", "mongo", "redis-cli", "bc", "dc", "ed",
        "ex", "vi", "vim", "nvim", "emacs", "gdb", "lldb", "m4", "make", "gmake", "ssh", "osacompile",
        "parallel", "su", "at", "crontab", "watch", "script", "entr", "eval", "source", ".", "trap", "let",
        "alias", "complete", "bind", "enable", "hash", "socat", "screen", "tmux", "busybox", "powershell",
        "pwsh",
    }
)  # fmt: skip
"""Any word may be code, or have code run."""
_JQ_VALUES = frozenset({"--arg", "--argjson"})
_STARTS: Mapping[str, str] = {
    "env": "uSC", "command": "", "builtin": "", "exec": "a", "nohup": "", "sudo": "ugpCrtTD", "doas": "uC",
    "time": "fo", "nice": "n", "timeout": "ks", "gtimeout": "ks", "stdbuf": "ioe", "setsid": "",
    "ionice": "cnp", "caffeinate": "tw", "unbuffer": "", "flock": "wE", "xargs": "IndLPsEa", "chroot": "",
    "arch": "", "uv": "", "uvx": "", "npx": "p", "pipx": "", "poetry": "", "bundle": "",
}  # fmt: skip
"""Programs that start the one that their first plain word names, and their flags that take a value."""
_HOLDS = frozenset({"find", "fd", "git", "docker", "podman", "kubectl", "tar", "rsync"})
"""Programs among whose words another may stand, with its own."""
_NO_PROGRAM = re.compile(r"-.*|\d+(\.\d+)?[smhd]?|[A-Za-z_]\w*=.*")


@dataclass(frozen=True, slots=True)
class Code:
    """What of a command is code."""

    interpreter: str
    words: tuple[Word, ...]
    """Those in which a param would become code."""
    from_input: bool
    """Whether it reads code from its input."""
    from_file: bool
    """Whether it runs a file."""


def program_of(word: Word) -> str | None:
    """The name of the program that a word names; None when that is not known."""
    last = word.parts[-1] if word.parts else None
    literal = word.literal
    if literal is None and last is not None and last.kind == "text" and "/" in last.text:
        literal = last.text
    if literal is None:
        return None
    name = literal.rpartition("/")[2].lower()
    found = re.fullmatch(r"([a-z_]+?)-?\d+(\.\d+)*", name)
    return found[1] if found and (found[1] in _BY_FLAG or found[1] in _FIRST_WORD) else name


def code_of(words: Sequence[Word]) -> Code | None:
    """What of a command is code; None when it runs no code that stands in it."""
    name = program_of(words[0]) if words else None
    if name is None:
        return None
    if name in _ALL:
        return Code(name, tuple(words[1:]), True, True)
    if name in _BY_FLAG:
        return _by_flag(name, words[1:], _BY_FLAG[name], first_is_file=True)
    if name in _FIRST_WORD:
        given = words[1:]
        if name in ("jq", "gojq", "jaq"):
            given = _without_values(given)
        return _by_flag(name, given, _FIRST_WORD[name], first_is_file=False)
    if name in _STARTS:
        return _started(name, words)
    return _held(name, words) if name in _HOLDS else None


def shell_code(words: Sequence[Word]) -> Iterator[str]:
    """Code of shells that stands in a command as plain text: `sh -c '…'`, `eval '…'`, `trap '…' EXIT`."""
    names = [program_of(word) for word in words]
    texts = [word.literal for word in words]
    if names and names[0] in ("eval", "trap"):
        plain = [text for text in texts[1:] if text is not None]
        yield " ".join(plain) if names[0] == "eval" else (plain or [""])[0]
    for index, name in enumerate(names):
        if name not in _SHELLS:
            continue
        for place in range(index + 1, len(words) - 1):
            flag, code = texts[place], texts[place + 1]
            if flag is None or not _is_flag(flag):
                break
            if _names_code(flag, ("c",)) and code is not None:
                yield code
                break


def _started(name: str, words: Sequence[Word]) -> Code:
    """The program that is started; what stands before it, and its own name, must be plain."""
    index = 1
    while index < len(words):
        text = words[index].literal
        if text is None or not _NO_PROGRAM.fullmatch(text):
            break
        index += 2 if len(text) == 2 and text[1] in _STARTS[name] and text[0] == "-" else 1
    before = tuple(words[1 : index + 1])
    inner = code_of(words[index:])
    if inner is None:
        return Code(name, before, False, False)
    if name == "xargs":
        return Code(inner.interpreter, tuple(words[1:]), True, inner.from_file)
    return Code(inner.interpreter, (*before, *inner.words), inner.from_input, inner.from_file)


def _held(name: str, words: Sequence[Word]) -> Code | None:
    """A program that takes code, among the words of another one: then none of them may be a param."""
    for index in range(1, len(words)):
        if program_of(words[index]) != "." and (inner := code_of(words[index:])) is not None:
            return Code(inner.interpreter, tuple(words[1:]), True, inner.from_file)
    return None


def _by_flag(name: str, words: Sequence[Word], flags: Sequence[str], *, first_is_file: bool) -> Code:
    """Code stands after a flag; else the first plain word is it, and all up to it must be plain."""
    code: list[Word] = []
    index, found = 0, False
    while index < len(words):
        word = words[index]
        text = word.literal
        if text is None or not _is_flag(text):
            if text in flags:
                found, flagged = True, True
            else:
                break
        else:
            flagged = _names_code(text, flags)
        code.append(word)
        index += 1
        if flagged:
            found = True
            code += words[index : index + 1]
            index += 1
    if not found:
        code += words[index : index + 1]
    later = words[index:]
    for place, word in enumerate(later[:-1]):
        if word.literal is not None and _is_flag(word.literal) and _names_code(word.literal, flags):
            code.append(later[place + 1])
    file = None if found or index >= len(words) else words[index].literal
    reads = not found and (index >= len(words) or file in ("-", "/dev/stdin"))
    return Code(name, tuple(code), reads, first_is_file and not reads and not found)


def _is_flag(text: str) -> bool:
    return text.startswith("-") and len(text) > 1


def _names_code(text: str, flags: Sequence[str]) -> bool:
    """Whether the next word is code: `-c`, `-lc`, `--eval`."""
    if text.startswith("--"):
        return text in flags
    return any(len(flag) == 1 and text.endswith(flag) for flag in flags)


def _without_values(words: Sequence[Word]) -> list[Word]:
    """jq's words without the values that it takes by name."""
    kept: list[Word] = []
    index = 0
    while index < len(words):
        if words[index].literal in _JQ_VALUES and index + 2 < len(words) and words[index + 1].literal is not None:
            index += 3
            continue
        kept.append(words[index])
        index += 1
    return kept
