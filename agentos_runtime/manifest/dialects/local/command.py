"""`command` of a callable: a program of this machine, to which params are values and never code."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.program import classify
from agentos_runtime.manifest.dialects.local.shell.flow import Checked, check_script
from agentos_runtime.manifest.dialects.local.shell.interpreters import code_of
from agentos_runtime.manifest.dialects.local.shell.script import CLOSE, OPEN, NotUnderstood, Part, Word
from agentos_runtime.manifest.dialects.placeholders import NotCarried, filled, under_key
from agentos_runtime.manifest.dialects.tree import entries, text, under
from agentos_runtime.manifest.model import KEEPS_PATH, Argument, Local
from agentos_runtime.manifest.yaml.values import Cursor, Value
from agentos_runtime.regexes import regex

KEYS = frozenset(
    {"binary", "args", "args_string", "stdin", "timeout", "working_dir", "response", "env", "description"}
)
_PLACEHOLDER = regex(r"\{\{\s*([^{}]*?)\s*\}\}")
_NUMBER = regex(r"params\.(\w+)(?:\s*\|\s*default:\s*-?\d+(?:\.\d+)?)?")
_SEES = r"(?<![\w/:)\]])\.(?:params|settings{more})\b"
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "ksh"})
_LOGIN = regex(r"-[a-z]*l[a-z]*|--login")
_NAME = regex(r"[A-Za-z_]\w*")
_TEXTS = regex(r'"((?:[^"\\]|\\.)*)"')
_TEXT = 'if . == null then "" elif type == "string" then . else tojson end'
Pairs = dict[str, "Cursor | Value"]


@dataclass(slots=True)
class _Words:
    """The words of a program on their way."""

    arguments: list[Argument] = field(default_factory=list)
    given: Pairs = field(default_factory=dict)
    """Those that a call gives, by their number."""
    shown: list[Word] = field(default_factory=list)
    """What is known of each, for who looks for code."""
    is_number: set[int] = field(default_factory=set)


def command_of(cursor: Cursor, types: Mapping[str, str], results: frozenset[str]) -> tuple[Pairs, Local]:
    """What a call gives the program, and the program. Raises NotCarried.

    types: the declared types of the callable's params. results: names of the steps before.
    """
    _check_keys(cursor)
    binary = cursor.text("binary")
    if not binary or "{{" in binary or re.search(r"\.params\b|[\0\s]", binary):
        raise NotCarried("names no `command.binary`")
    listed = _listed(cursor)
    script = _script_at(binary, listed)
    words = _words(listed, script, types, results)
    env: Pairs = {}
    checked = Checked("")
    if script is not None:
        checked = _checked_script(listed[script], words, script, env, types)
        is_login = any(_LOGIN.fullmatch(str(each.json)) for each in listed[:script])
        words.arguments[script] = Argument((KEEPS_PATH if is_login else "") + checked.text)
    pairs: Pairs = {"args": entries(words.given, cursor)}
    stdin = cursor.get("stdin")
    if stdin is not None and stdin.json is not None:
        pairs["stdin"] = under_key(stdin, filled(stdin))
    if script is None:
        _check_words(binary, words, stdin is not None and _is_given(stdin, results))
    elif "stdin" in pairs and stdin is not None and _is_given(stdin, results) and _reads_input(listed[script]):
        raise NotCarried("hands params to the input of a script that runs what it reads")
    if env:
        pairs["env"] = entries(env, cursor)
    fixed = {"binary": binary} | ({"working_dir": cwd} if (cwd := cursor.text("working_dir")) else {})
    if re.search(r"\{\{|\.params\b", fixed.get("working_dir", "")):
        raise NotCarried("puts params into `command.working_dir`")
    return pairs, Local(
        "command",
        cursor.json,
        fixed,
        arguments=tuple(words.arguments),
        env=_named(cursor.get("env")),
        no_option=_options(words, script) | _names_of(checked.whole, script),
        no_splitting=_names_of(checked.split, script),
    )


def _check_keys(cursor: Cursor) -> None:
    for name in dict(cursor.items()):
        if name not in KEYS:
            raise NotCarried(f"`command.{name[:60]}` is not supported")


def _listed(cursor: Cursor) -> list[Cursor]:
    """The words as they are written."""
    args, written = cursor.get("args"), cursor.get("args_string")
    if args is not None and not isinstance(args.json, list | None):
        raise NotCarried("has `command.args` that are no list, without which it would run")
    found = list(args.elements()) if args else []
    if any(not isinstance(each.json, str | int | float) for each in found):
        raise NotCarried("has `command.args` that are no texts")
    if written is not None and isinstance(written.json, str):
        if re.search(r"\{\{[^}]*\s[^}]*\}\}|[\"'\\$`]", re.sub(r"\{\{\s*(\S+)\s*\}\}", r"{{\1}}", written.json)):
            raise NotCarried("has `command.args_string` with quotes; write `args` as a list")
        joined = re.sub(r"\{\{\s*(\S+)\s*\}\}", r"{{\1}}", written.json)
        found += [under(written, text(piece, written)) for piece in joined.split()]
    return found


def _script_at(binary: str, listed: Sequence[Cursor]) -> int | None:
    """Which word is a shell script: the one after `-c`."""
    if binary.rpartition("/")[2] not in _SHELLS:
        return None
    for index, each in enumerate(listed):
        flag = str(each.json)
        if not flag.startswith("-"):
            return None
        if not flag.startswith("--") and "c" in flag:
            if index + 1 >= len(listed):
                raise NotCarried("has `-c` without a script")
            return index + 1
    return None


def _words(
    listed: Sequence[Cursor], script: int | None, types: Mapping[str, str], results: frozenset[str]
) -> _Words:
    words = _Words()
    for index, each in enumerate(listed):
        numbered = script is not None and index > script
        if index == script or not _is_given(each, results):
            words.arguments.append(Argument(str(each.json), numbered))
            words.shown.append(Word((Part("text", str(each.json)),)))
            continue
        written = str(each.json)
        if "{{" in written:
            value = filled(each)
            whole = _PLACEHOLDER.match(written)
            before = written[: whole.start()] if whole else written.partition("{{")[0]
            options: tuple[str, ...] = ()
        else:
            value, before = each.value, _first_text(written)
            options = tuple(found for found in _TEXTS.findall(written) if found.startswith("-"))
        words.given[str(index)] = under(each, value)
        words.arguments.append(Argument(None, numbered, options))
        words.shown.append(Word((Part("text", before), Part("param", str(index)))))
        if _is_number(written, types):
            words.is_number.add(index)
    return words


def _first_text(written: str) -> str:
    """What jq that begins with a text begins with."""
    found = re.match(r'\s*\(?\s*"([^"\\]+)', written)
    return found[1] if found else ""


def _is_given(cursor: Cursor, results: frozenset[str]) -> bool:
    """Whether a call says something of this word; else it is a text of the file."""
    written = cursor.json
    if not isinstance(written, str):
        return False
    if re.search(r"\{\{|\.auth\.|\{token\}", written) and re.search(r"auth\.|\{token\}", written):
        raise NotCarried("hands a key to a program of this machine, which is not done here")
    if _PLACEHOLDER.search(written):
        return True
    more = "".join(f"|{re.escape(name)}" for name in results)
    sees = re.search(_SEES.format(more=more), written) is not None
    return sees and classify(written, frozenset()) == "jq"


def _is_number(written: str, types: Mapping[str, str]) -> bool:
    placeholder = _PLACEHOLDER.fullmatch(written.strip())
    path = placeholder[1] if placeholder else written.strip().removeprefix(".")
    found = _NUMBER.fullmatch(path)
    return found is not None and types.get(found[1]) in ("integer", "number", "boolean")


def _checked_script(cursor: Cursor, words: _Words, script: int, env: Pairs, types: Mapping[str, str]) -> Checked:
    """The script with its placeholders as variables, whose values go to `env`. Raises NotCarried."""
    written = str(cursor.json)
    if classify(written, frozenset()) == "jq" and re.match(r'\s*".*"\s*\+\s*\.params\b', written, re.DOTALL):
        raise NotCarried("makes a shell script of params")
    if OPEN in written or CLOSE in written:
        raise NotCarried("has a script with characters that are for private use")
    variables: dict[int, str] = {}
    numbers: set[int] = set()

    def take(found: re.Match[str]) -> str:
        number = len(variables)
        variables[number] = f"AGENTOS_PARAM_{number}"
        value = filled(under(cursor, text(found[0], cursor)))
        if value.value == found[0] or re.search(r"auth\.", found[1]):
            raise NotCarried(f"has the placeholder {found[0][:60]}, which is not supported")
        env[variables[number]] = text(f"({value.value}\n) | {_TEXT}", cursor)
        if _is_number(found[0], types):
            numbers.add(number)
        return f"{OPEN}{number}{CLOSE}"

    marked = _PLACEHOLDER.sub(take, written)
    if re.search(r"\{\{\s*[#/^]", marked):
        raise NotCarried("has a placeholder in its script that is not supported")
    given = {
        str(index - script - 1): index + 100_000
        for index, word in enumerate(words.arguments)
        if index > script and word.text is None
    }
    numeric = frozenset(numbers | {index + 100_000 for index in words.is_number})
    try:
        return check_script(marked, variables, given, numeric)
    except NotUnderstood as reason:
        raise NotCarried(f"is not run: {reason}") from None


def _names_of(numbers: set[int], script: int | None) -> frozenset[str]:
    """Variables by their names, arguments by their numbers."""
    return frozenset(
        str(number - 100_000) if number >= 100_000 else f"AGENTOS_PARAM_{number}" for number in numbers
    )


def _options(words: _Words, script: int | None) -> frozenset[str]:
    """Arguments that could be options of the program: those that begin with a param, up to `--`."""
    found: set[str] = set()
    for index, (argument, shown) in enumerate(zip(words.arguments, words.shown, strict=True)):
        if argument.text == "--" or (script is not None and index >= script):
            break
        if argument.text is None and not shown.parts[0].text and index not in words.is_number:
            found.add(str(index))
    return frozenset(found)


def _check_words(binary: str, words: _Words, feeds: bool) -> None:
    """Raise NotCarried when the program takes code and a param would be some of it."""
    code = code_of([Word((Part("text", binary),)), *words.shown])
    if code is None:
        return
    inside = any(part.kind == "param" for word in code.words for part in word.parts)
    if inside or (code.from_input and feeds):
        raise NotCarried(
            f"is not run: it would make a param code of `{code.interpreter}`; only what is known to stay a value is"
        )


def _reads_input(script: Cursor) -> bool:
    return (
        re.search(r"\b(?:eval|source|bash|sh|python\d?|perl|ruby|node|sqlite3|read)\b", str(script.json))
        is not None
    )


def _named(env: Cursor | None) -> tuple[str, ...]:
    if env is None or env.json is None:
        return ()
    names = [each.json for each in env.elements()] if isinstance(env.json, list) else list(dict(env.items()))
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise NotCarried("has an `env` that is no list of names")
    return tuple(str(name) for name in names)
