"""A command line in its words: what a POSIX shell, cmd.exe or PowerShell makes of the text, and what surrounds it.

Nothing is expanded: a variable becomes a blank (`samples.blanks`). Only the first curl command is read; that others
follow is told.
"""

import re
from collections.abc import Mapping

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.samples.blanks import blank
from agentos_runtime.regexes import regex

_START = regex(r"(?:^|[\s;&|(`])((?:\S*[/\\])?curl(?:\.exe)?)(?=\s|$)", re.IGNORECASE)
_FENCE = regex(r"^\s*(?:```|~~~)\w*\s*$", re.MULTILINE)
_INSIDE = r"(?:[^()'\"]|'[^']*'|\"(?:[^\"\\]|\\.)*\"|\((?:[^()'\"]|'[^']*'|\"[^\"]*\"|\([^()]*\))*\))*"
_COMMAND = regex(rf"\$\({_INSIDE}\)|`[^`\n]*`", re.DOTALL)
"""`$(…)` with what stands in brackets and quotes inside, and backticks."""
_SUBSTITUTED = regex(rf"<\(({_INSIDE})\)", re.DOTALL)
"""`<(…)`: a file with what a command writes."""
_VARIABLE = regex(r"\$(?:\{([A-Za-z_]\w*)[^}]*\}|env:([A-Za-z_]\w*)|([A-Za-z_]\w*))")
_HEREDOC = regex(r"<<(-?)[ \t]*(['\"\\]?)(\w+)['\"]?")
_PIPED_HEREDOC = regex(r"\bcat[ \t]*(<<-?[ \t]*['\"\\]?\w+['\"]?)[ \t]*\|\s*$")
"""`cat <<EOF | curl …`, of which the text stands below the command."""
_WRITER = regex(r"(?:^|[;&(])[ \t]*(?:\$[ \t]+)?(echo|printf)(?=[ \t])", re.MULTILINE)
_HERE_TEXT = regex(
    r"\$\([ \t]*cat[ \t]*<<-?[ \t]*(['\"\\]?)(\w+)['\"]?[ \t]*\n(.*?)\n?[ \t]*^\2[ \t]*\n?\s*\)", re.S | re.M
)
"""`$(cat <<'EOF' … EOF)`: the text itself."""
_ESCAPES: Mapping[str, str] = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "v": "\v",
}
_BREAKS = frozenset("|;\n\x00")


@dataclass(slots=True)
class Line:
    """The words after `curl`, and what a heredoc gives to its standard input."""

    words: list[str]
    stdin: str | None = None
    more: bool = False
    """Another curl command follows."""


def read_line(text: str) -> Line:
    """The first curl command of a text. Raises ImportProblem for an open quote and for a text without one."""
    text = _FENCE.sub("", text.replace("\r\n", "\n").replace("\ufeff", "").replace("\xa0", " ")).strip()
    start = next((found for found in _START.finditer(text) if not _is_remark(text, found.start(1))), None)
    if start is None:
        raise ImportProblem(
            "This is no curl command: it begins with `curl`, as in curl 'https://api.example.com/…'"
        )
    before, text = text[: start.start(1)], text[start.end(1) :]
    if re.search(r"\^\n|\^\"", text):
        return _Windows(text).read()
    heredoc = _PIPED_HEREDOC.search(before)
    text = re.sub(r"`[ \t]*\n", " ", f" {heredoc[1]} {text}" if heredoc else text)
    line = _Posix(text, _closing(before)).read()
    if line.stdin is None:
        line.stdin = _piped(before)
    return line


def _closing(before: str) -> str:
    """What ends a command that stands in `$(…)` or in backticks."""
    return ")" if before.endswith("(") else "`" if before.endswith("`") else ""


def _piped(before: str) -> str | None:
    """What `echo` or `printf` before a pipe writes; None for all else, and for what only the shell knows."""
    found = [*_WRITER.finditer(before)]
    if not before.rstrip("\\\n \t").endswith("|") or not found:
        return None
    reader = _Posix(before[found[-1].end() :])
    words = reader.read().words
    if reader.rest.strip("\\\n \t") != "|":
        return None
    escapes = found[-1][1] == "printf"
    while found[-1][1] == "echo" and words and re.fullmatch("-[neE]+", words[0]):
        escapes = escapes or "e" in words.pop(0)
    if found[-1][1] == "printf" and words and words[0] in ("%s", "%s\\n"):
        words, escapes = words[1:], False
    said = " ".join(words)
    return (
        None
        if found[-1][1] == "printf" and (len(words) != 1 or "%" in said)
        else _unescaped(said)
        if escapes
        else said
    )


def _is_remark(text: str, at: int) -> bool:
    line = text[text.rfind("\n", 0, at) + 1 : at].lstrip()
    return line.startswith("#") and not re.match(r"#+\s*$", line)


class _Posix:
    """Quotes, escapes, variables and heredocs of a POSIX shell and of bash."""

    def __init__(self, text: str, closing: str = "") -> None:
        self._text = text
        self._closing = closing
        self._at = 0
        self._words: list[str] = []
        self._word: list[str] | None = None
        self._stdin: str | None = None
        self._is_stdin = False
        """The next word is what the command reads."""

    def read(self) -> Line:
        while self._at < len(self._text) and self._step():
            pass
        self._end_word()
        rest = self.rest
        return Line(self._words, self._stdin, any(not _is_remark(rest, m.start(1)) for m in _START.finditer(rest)))

    @property
    def rest(self) -> str:
        """What stands behind the command."""
        return self._text[self._at :]

    def _step(self) -> bool:
        """Read on by one piece; False at the end of the command."""
        char, text = self._text[self._at], self._text
        if char == self._closing:
            return False
        if char in "'\"" or (char == "$" and text[self._at + 1 : self._at + 2] in ("'", '"')):
            self._quoted()
        elif char == "\\":
            going_on = re.compile(r"\\[ \t]*(?:\n|$)").match(text, self._at)
            if going_on is None:
                self._add(text[self._at + 1])
            self._at = going_on.end() if going_on else self._at + 2
        elif char in "$`":
            self._variable()
        elif char in " \t":
            self._end_word()
            self._at += 1
        elif char in _BREAKS or text.startswith("&&", self._at) or self._is_background():
            return self._break()
        elif char == "#" and self._word is None:
            end = text.find("\n", self._at)
            self._at = len(text) if end < 0 else end
        elif char in "<>":
            self._redirection()
        else:
            self._add(char)
            self._at += 1
        return True

    def _break(self) -> bool:
        """A line that goes on with an option was meant as the same command."""
        if self._text[self._at] == "\n":
            going_on = re.compile(r"\s*(?=--?[A-Za-z])").match(self._text, self._at)
            if going_on is not None and (self._words or self._word):
                self._end_word()
                self._at = going_on.end()
                return True
            if not self._words and self._word is None:
                self._at += 1
                return True
        return False

    def _is_background(self) -> bool:
        """A lone `&`; one inside an address that nobody quoted belongs to the address."""
        if self._text[self._at] != "&":
            return False
        following = self._text[self._at + 1 : self._at + 2]
        return self._word is None or following in ("", " ", "\t", "\n")

    def _add(self, text: str) -> None:
        if self._word is None:
            self._word = []
        self._word.append(text)

    def _end_word(self) -> None:
        if self._word is not None and self._is_stdin:
            self._stdin, self._is_stdin = "".join(self._word), False
        elif self._word is not None:
            self._words.append("".join(self._word))
        self._word = None

    def _quoted(self) -> None:
        if self._text[self._at] == "$":
            self._at += 1
            if self._text[self._at] == "'":
                self._ansi()
                return
        if self._text[self._at] == '"':
            self._double()
            return
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise ImportProblem("The curl command has an open quote")
        self._add(self._text[self._at + 1 : end])
        self._at = end + 1

    def _double(self) -> None:
        self._at += 1
        self._add("")
        while self._at < len(self._text):
            char, following = self._text[self._at], self._text[self._at + 1 : self._at + 2]
            if char == '"':
                self._at += 1
                return
            if char == "`" and following == '"':  # as PowerShell writes a quote
                self._add(following)
                self._at += 2
            elif char == "\\" and following in tuple('$`"\\\n'):
                self._add(following if following != "\n" else "")
                self._at += 2
            elif char in "$`":
                self._variable()
            else:
                self._add(char)
                self._at += 1
        raise ImportProblem("The curl command has an open quote")

    def _ansi(self) -> None:
        """`$'it\\'s\\n'`: escapes as C has them, as browsers write them."""
        end = re.compile(r"'((?:[^\\']|\\.)*)'", re.DOTALL).match(self._text, self._at)
        if end is None:
            raise ImportProblem("The curl command has an open quote")
        self._add(_unescaped(end[1]))
        self._at = end.end()

    def _variable(self) -> None:
        """`$ID`, `${ID}`: a blank; `$(cat key)` too; a `$` before anything else is one."""
        text = self._text
        said = _HERE_TEXT.match(text, self._at)
        if said is not None:
            self._add(_here_text(said))
            self._at = said.end()
            return
        command = _COMMAND.match(text, self._at)
        found = command or _VARIABLE.match(text, self._at)
        if found is None:
            self._add(text[self._at])
            self._at += 1
            return
        name = "value" if command else next(group for group in found.groups() if group)
        self._add(blank(name))
        self._at = found.end()

    def _redirection(self) -> None:
        """Heredocs are read; where the output goes is nothing of the call; `<id>` is a blank."""
        text = self._text
        here = _HEREDOC.match(text, self._at)
        inside = _SUBSTITUTED.match(text, self._at)
        if inside is not None:
            said = _HERE_TEXT.fullmatch(f"${inside[0][1:]}")
            self._stdin = _here_text(said) if said else _piped(f"{inside[1]} |")
            self._add("-")
            self._at = inside.end()
            return
        if text.startswith("<<<", self._at):
            self._end_word()
            self._at, self._is_stdin = self._at + 3, True
            return
        if here is not None:
            self._heredoc(here)
            return
        shown = re.compile(r"<[A-Za-z][\w .:-]*>").match(text, self._at)
        if shown is not None:
            self._add(shown[0])
            self._at = shown.end()
            return
        if self._word is not None and "".join(self._word).isdigit():
            self._word = None
        self._end_word()
        target = re.compile(r"[<>]+&?\s*(?:'[^']*'|\"[^\"]*\"|[^\s|;&]*)").match(text, self._at)
        self._at = target.end() if target else self._at + 1

    def _heredoc(self, here: re.Match[str]) -> None:
        line_end = re.compile(r"(?<!\\)\n").search(self._text, here.end())
        start = line_end.start() if line_end else -1
        body = self._text[start + 1 :] if start >= 0 else ""
        indent = "[ \t]*" if here[1] else ""
        end = re.search(rf"^{indent}{re.escape(here[3])}[ \t]*$", body, re.MULTILINE)
        if end is None:
            raise ImportProblem("The curl command has a heredoc without its end")
        said = body[: end.start()]
        if here[1]:
            said = re.sub(r"^\t+", "", said, flags=re.MULTILINE)
        self._stdin = said if here[2] else _with_variables(said)
        self._end_word()
        rest_of_line = self._text[here.end() : start] if start >= 0 else ""
        self._text = self._text[: here.start()] + " " + rest_of_line + "\n" + body[end.end() :]
        self._at = here.start()


def _here_text(said: re.Match[str]) -> str:
    return str(said[3]) if said[1] else _with_variables(said[3])


def _with_variables(text: str) -> str:
    return _VARIABLE.sub(lambda found: blank(next(group for group in found.groups() if group)), text)


class _Windows:
    """cmd.exe, and what browsers copy for it: `^` escapes, `\\"` is a quote, `%ID%` a variable."""

    def __init__(self, text: str) -> None:
        text = re.sub(r"\^\n[ \t]*", " ", text)
        text = re.sub(r"\^(.)", r"\1", text, flags=re.DOTALL)
        self._text = re.sub(r"%([A-Z]+(?:_[A-Z0-9]+)+)%", lambda found: blank(found[1]), text)

    def read(self) -> Line:
        words: list[str] = []
        word: list[str] = []
        inside, started, at, text = False, False, 0, self._text
        while at < len(text):
            char, following = text[at], text[at + 1 : at + 2]
            if char == "\\" and following == '"':
                word.append('"')
                started, at = True, at + 1
            elif char == '"':
                inside, started = not inside, True
            elif not inside and char in " \t\n":
                if started:
                    words.append("".join(word))
                word, started = [], False
                if char == "\n":
                    break
            elif not inside and char in "|&" and not word:
                break
            else:
                word.append(char)
                started = True
            at += 1
        if inside:
            raise ImportProblem("The curl command has an open quote")
        return Line([*words, "".join(word)] if started else words, None, _START.search(text, at) is not None)


_ANSI = regex(r"((?:\\x[0-9a-fA-F]{1,2}|\\[0-7]{1,3})+)|\\(u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|c.|.)", re.DOTALL)
_BYTE = regex(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3}))")


def _unescaped(text: str) -> str:
    """ANSI-C quoting; `\\x` writes bytes of UTF-8."""
    return _ANSI.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    if found[1]:
        codes = _BYTE.findall(found[1])
        return bytes(int(x, 16) if x else int(o, 8) & 0xFF for x, o in codes).decode("utf-8", "replace")
    said = found[2]
    if said[0] in "uU" and len(said) > 1:
        code = int(said[1:], 16)
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    return chr(ord(said[1]) & 0x1F) if said[0] == "c" and len(said) > 1 else _ESCAPES.get(said, said)
