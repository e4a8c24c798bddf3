"""The words of a script: quotes, variables, commands whose output stands in a word."""

import re
from collections.abc import Callable, Iterator

from agentos_runtime.manifest.dialects.local.shell.script import (
    META,
    NAME,
    OPEN,
    PLACEHOLDER,
    Command,
    NotUnderstood,
    Part,
    Quoting,
    Script,
    Word,
)

Put = Callable[[int, Quoting, int], str]
"""Says what stands in the script for a placeholder, by where it stands and in which line."""


class Words:
    """Reads words from where it is; `commands` reads those of a bracket."""

    def __init__(self, text: str, put: Put) -> None:
        self.text = text
        self.at = 0
        self.script = Script()
        self._put = put
        self._out: list[str] = []
        self._kept = 0

    def commands(self, until: frozenset[str]) -> list[Command]:
        """Commands up to a closing bracket or one of the words `until`. Raises NotUnderstood."""
        raise NotImplementedError

    def replaced(self) -> str:
        """The script with its placeholders replaced."""
        return "".join([*self._out, self.text[self._kept :]])

    def word(self) -> Word:
        parts: list[Part] = []
        start = self.at
        while self.at < len(self.text):
            here = self.text[self.at]
            if here in "<>" and self.text.startswith("(", self.at + 1):
                first = len(self.script.commands)
                self.at += 2
                parts.append(self._inner(")"))
                for command in self.script.commands[first:]:
                    command.piped = True
            elif here in META:
                break
            elif here == "'":
                parts.append(self._single())
            elif here == '"':
                parts += self._double()
            elif here == "\\":
                parts.append(Part("text", self.text[self.at + 1 : self.at + 2], quoted=True))
                self.at += 2
            else:
                found = self._expansion("bare")
                parts.append(found or Part("text", self._plain()))
        if self.at == start:
            raise self.lost(f"`{self.text[self.at : self.at + 10]}`")
        return Word(tuple(parts))

    def _plain(self) -> str:
        start = self.at
        self.at += 1
        while self.at < len(self.text) and not (
            self.text[self.at] in META or self.text[self.at] in "'\"\\$`" or self.text[self.at] == OPEN
        ):
            self.at += 1
        return self.text[start : self.at]

    def _single(self) -> Part:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise self.lost("a single quote without its end")
        text = self.text[self.at + 1 : end]
        if PLACEHOLDER.search(text):
            raise self.lost("a param inside single quotes")
        self.at = end + 1
        return Part("text", text, quoted=True)

    def _double(self) -> list[Part]:
        self.at += 1
        parts = self.expanded(None, "double")
        self.at += 1
        return [Part("text", "", quoted=True), *parts]

    def expanded(self, end: int | None, quoting: Quoting) -> list[Part]:
        """What a here-document holds up to `end`, or double quotes up to theirs."""
        parts: list[Part] = []
        start = self.at
        while self.at < len(self.text) and (self.text[self.at] != '"' if end is None else self.at < end):
            here = self.text[self.at]
            if here == "\\":
                self.at += 2
            elif here in "$`" or here == OPEN:
                parts.append(Part("text", self.text[start : self.at], quoted=True))
                found = self._expansion(quoting)
                if found is None:
                    self.at += 1
                else:
                    parts.append(found)
                start = self.at
            else:
                self.at += 1
        if self.at > len(self.text) or (self.at == len(self.text) if end is None else self.at > end):
            raise self.lost("quotes without their end" if end is None else "a here-document that is not plain")
        parts.append(Part("text", self.text[start : self.at], quoted=True))
        return parts

    def _expansion(self, quoting: Quoting) -> Part | None:
        """A placeholder, a variable or a command whose output stands here; None for plain text."""
        quoted = quoting != "bare"
        found = PLACEHOLDER.match(self.text, self.at)
        if found:
            self._replace(found, self._put(int(found[1]), quoting, self.line()))
            return Part("param", found[1], quoted=True)
        if self.text[self.at] == "`":
            return self._backticks(quoted)
        if self.text[self.at] != "$":
            return None
        if self.text.startswith("$((", self.at):
            return Part("text", "", quoted, computed=self.arithmetic(3, "))"))
        if self.text.startswith("$(", self.at):
            self.at += 2
            return self._inner(")", quoted)
        if self.text.startswith("${", self.at):
            return self._braced(quoted)
        if self.text.startswith("$'", self.at) and not quoted:
            return self._ansi()
        plain = re.compile(r"\$([A-Za-z_]\w*|[0-9@*#?$!_-])").match(self.text, self.at)
        if plain is None:
            if self.text.startswith('$"', self.at) and not quoted:
                self.at += 1
            return None
        self.at = plain.end()
        return Part("variable", plain[1], quoted)

    def _ansi(self) -> Part:
        found = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL).match(self.text, self.at)
        if found is None or PLACEHOLDER.search(found[0]):
            raise self.lost("a param inside single quotes" if found else "a single quote without its end")
        self.at = found.end()
        return Part("text", found[1], quoted=True)

    def _inner(self, end: str, quoted: bool = True) -> Part:
        commands = self.commands(frozenset({end}))
        if self.text[self.at - 1 : self.at] != end:
            raise self.lost(f"`{end}` is missing")
        return Part("inner", quoted=quoted, inside=tuple(_all_words(commands)))

    def _backticks(self, quoted: bool) -> Part:
        """An older `$(…)`, read by itself: its backslashes are others."""
        found = re.compile(r"`((?:[^`\\]|\\.)*)`", re.DOTALL).match(self.text, self.at)
        if found is None or PLACEHOLDER.search(found[1]):
            raise self.lost("a param between backticks: write $(…)" if found else "a backtick without its end")
        inner = type(self)(re.sub(r"\\([`\\$])", r"\1", found[1]), self._put)
        inner.script = self.script
        commands = inner.commands(frozenset())
        self.at = found.end()
        return Part("inner", quoted=quoted, inside=tuple(_all_words(commands)))

    def _braced(self, quoted: bool) -> Part:
        """`${name…}`: what is computed in it is noted, other expansions in it are followed by their names."""
        end = self._end_of_braces()
        inside = self.text[self.at + 2 : end]
        if PLACEHOLDER.search(inside):
            raise self.lost("a param inside ${…}")
        found = re.match(r"(!|#)?([A-Za-z_]\w*|[0-9]+|[@*#?$!_-])?", inside)
        rest = inside[found.end() :] if found else inside
        if found is None or found[2] is None or found[1] == "!" or "$(" in rest or "`" in rest or "@P" in rest:
            raise self.lost(f"`${{{inside[:20]}}}`")
        self.at = end + 1
        computed = frozenset[str]()
        if rest.startswith("[") or re.match(r":(?![-+=?])", rest):
            computed = frozenset(NAME.findall(rest))
            self.compute(rest)
        names = re.findall(r"\$\{?([A-Za-z_]\w*|[0-9@*])", rest)
        inner = tuple(Word((Part("variable", name, quoted=True),)) for name in names)
        if inner:
            return Part("inner", quoted=quoted, inside=(*inner, Word((Part("variable", found[2], quoted),))))
        return Part("variable", found[2], quoted, computed=computed)

    def _end_of_braces(self) -> int:
        at, depth = self.at + 1, 0
        while at < len(self.text):
            here = self.text[at]
            if here == "\\":
                at += 1
            elif here == "{":
                depth += 1
            elif here == "}":
                depth -= 1
                if not depth:
                    return at
            at += 1
        raise self.lost("`${` without its end")

    def arithmetic(self, skip: int, end: str) -> frozenset[str]:
        close, depth = self.at + skip, 0
        while close < len(self.text) and (depth or not self.text.startswith(end, close)):
            depth += {"(": 1, ")": -1}.get(self.text[close], 0)
            close += 1
        if close >= len(self.text):
            raise self.lost("`((` without its end")
        inside = self.text[self.at + skip : close]
        if "$(" in inside or "`" in inside:
            raise self.lost("a command inside of arithmetic")
        names = set(NAME.findall(PLACEHOLDER.sub("", inside)))
        for found in PLACEHOLDER.finditer(self.text, self.at + skip, close):
            names.add(found[0])
            self._replace(found, self._put(int(found[1]), "double", self.line()))
        self.at = close + len(end)
        computed = frozenset(names.union(re.findall(r"\$\{?([0-9@*])", inside)))
        self.script.computed.append((self.line(), computed))
        return computed

    def compute(self, text: str) -> None:
        names = {*NAME.findall(text), *re.findall(r"\$\{?([0-9@*])", text)}
        if PLACEHOLDER.search(text) or "$(" in text:
            raise self.lost("a param in an index")
        self.script.computed.append((self.line(), frozenset(names)))

    # ------------------------------------------------------------------ places

    def _replace(self, found: re.Match[str], text: str) -> None:
        self._out.append(self.text[self._kept : found.start()])
        self._out.append(text)
        self._kept = self.at = found.end()

    def blanks(self, *, newlines: bool = False) -> None:
        while self.at < len(self.text):
            if self.text.startswith("\\\n", self.at):
                self.at += 2
            elif self.text[self.at] in " \t" or (newlines and self.text[self.at] == "\n"):
                self.at += 1
            elif self.text[self.at] == "#" and (self.at == 0 or self.text[self.at - 1] in META):
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
                if PLACEHOLDER.search(self.text, self._kept, self.at):
                    self._drop_from_comment()
            else:
                return

    def _drop_from_comment(self) -> None:
        kept = self.text[self._kept : self.at]
        self._out.append(PLACEHOLDER.sub("a param", kept))
        self._kept = self.at

    def line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def lost(self, what: str) -> NotUnderstood:
        return NotUnderstood(f"line {self.line()} of its script has {PLACEHOLDER.sub('{{…}}', what)}")


def _all_words(commands: list[Command]) -> Iterator[Word]:
    for command in commands:
        yield from command.words
        yield from (word for _, word in command.assigned)
        yield from command.inputs
