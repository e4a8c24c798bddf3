"""Programs that take code: which of their words are code, and whether they read it from their input."""

import re
from collections.abc import Iterator, Mapping, Sequence

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.dialects.local.shell.script import Word
from agentos_runtime.regexes import regex

_BY_FLAG: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("bash", "sh", "zsh", "dash", "ksh", "fish", "rbash"), ("c",)),
    **dict.fromkeys(("python", "pypy"), ("c", "m")),
    **dict.fromkeys(("node", "nodejs", "bun", "deno"), ("e", "p", "--eval", "--print", "eval")),
    **dict.fromkeys(
        ("perl", "ruby", "lua", "osascript", "rscript", "swift", "tclsh", "groovy", "scala"), ("e", "E")
    ),
    **dict.fromkeys(("php",), ("r",)),
    **dict.fromkeys(("expect", "guile", "elixir"), ("c", "e")),
}
"""The word after one of these flags is code, or names it. What follows that is handed to it as values."""
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "ksh", "fish", "rbash"})
_WITHOUT_VALUE: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(sorted(_SHELLS), frozenset({"-l", "-i", "-e", "-u", "-x", "-eu", "-ex", "--login", "--norc"})),
    **dict.fromkeys(("python", "pypy"), frozenset({"-u", "-B", "-I", "-s", "-S", "-E", "-O", "-q"})),
}
"""Flags after which a file of code may stand."""
_FIRST_WORD = frozenset({"sed", "gsed", "awk", "gawk", "mawk", "nawk", "jq", "gojq", "jaq", "yq"})
"""Some word is code, and which depends on flags that take values: none may be a param."""
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
_EXECUTES = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_RUNS_VALUE = regex(
    r"--(?:exec(?:-[a-z-]+)?|rsh|(?:use-)?compress-program|to-command|checkpoint-action|pager|editor|upload-pack"
    r"|receive-pack|open-files-in-pager|config(?:-env)?|config-locations?|rsync-path|post-process|shell)(?:=|\Z)"
)
"""Flags whose value is a program, or names a file that says what is run."""
_RUNS_SHORT: Mapping[str, str] = {
    "git": "cO", "rsync": "e", "man": "P", "tar": "IF", "curl": "K", "wget": "e", "less": "k", "fd": "xX",
    "scp": "oS",
}  # fmt: skip
_NO_PROGRAM = regex(r"-.*|\d+(\.\d+)?[smhd]?|[A-Za-z_]\w*=.*")


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
        return _by_flag(name, words[1:])
    if name in _FIRST_WORD:
        given = _without_values(words[1:]) if name in ("jq", "gojq", "jaq") else words[1:]
        return Code(name, tuple(given), False, False)
    if name in _STARTS:
        return _started(name, words)
    return (_held(name, words) if name in _HOLDS else None) or _run_values(name, words)


def _run_values(name: str, words: Sequence[Word]) -> Code | None:
    """What follows flags that name a program, and what `find` is to execute."""
    found: list[Word] = []
    for index, word in enumerate(words[1:], 1):
        first = word.parts[0].text if word.parts and word.parts[0].kind == "text" else ""
        short = first[:1] == "-" and first[1:2] != "" and first[1] in _RUNS_SHORT.get(name, "")
        if short or _RUNS_VALUE.match(first):
            found += words[index : index + 2]
        elif first in _EXECUTES and (index + 1 == len(words) or words[index + 1].literal is None):
            return Code(name, tuple(words[1:]), False, False)
    return Code(name, tuple(found), False, False) if found else None


def _may_vanish(word: Word) -> bool:
    """Whether the shell may make no word of it, or several, so that what follows takes its place."""
    return all(part.kind in ("variable", "inner") or not part.text for part in word.parts)


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
    if index < len(words) and words[index].literal is None:  # any of what follows may be the program
        return Code(name, tuple(words[1:]), True, False)
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


def _by_flag(name: str, words: Sequence[Word]) -> Code:
    """Up to its code, or the file of it, a command's words must be plain; all must where that is not certain."""
    flags = _BY_FLAG[name]
    plain = True
    for index, word in enumerate(words):
        text = word.literal
        if text is None:
            break
        if text in flags or (_is_flag(text) and _names_code(text, flags)):
            later = [
                words[place + 1]
                for place in range(index + 1, len(words) - 1)
                if (words[place].literal or "") and _names_code(words[place].literal or "", flags)
            ]
            if any(map(_may_vanish, words[index + 1 : index + 2])):
                return Code(name, tuple(words), True, False)
            return Code(name, (*words[: index + 2], *later), False, False)
        if text == "-" and plain:
            return Code(name, tuple(words[: index + 1]), True, False)
        if not _is_flag(text):
            if plain and text != "/dev/stdin" and re.search(r"[/.]", text):
                return Code(name, tuple(words[: index + 1]), False, True)
            break
        plain = plain and text in _WITHOUT_VALUE.get(name, frozenset())
    return Code(name, tuple(words), True, True)


def _is_flag(text: str) -> bool:
    return text.startswith("-") and len(text) > 1


def _names_code(text: str, flags: Sequence[str]) -> bool:
    """Whether the next word is code: `-c`, `-lc`, `--eval`."""
    if text.startswith("--") or not text.startswith("-"):
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
