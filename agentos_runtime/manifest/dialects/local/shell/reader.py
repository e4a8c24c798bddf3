"""A script's commands: pipes, brackets, conditions, loops, functions, redirections, here-documents."""

import re

from agentos_runtime.manifest.dialects.local.shell.script import (
    META,
    NAME,
    PLACEHOLDER,
    Command,
    Part,
    Script,
    Word,
)
from agentos_runtime.manifest.dialects.local.shell.words import Put, Words
from agentos_runtime.regexes import regex

_ASSIGNMENT = regex(r"([A-Za-z_]\w*)(\[[^\]\n]*\])?\+?=")
_RESERVED = frozenset(
    {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "esac", "!", "time", "{", "}", "in"}
)
_REDIRECT = regex(r"(?:\d+|&)?(<<<|<<-|<<|<>|<&|>>|>&|>\||<|>)")


class Reader(Words):
    """Reads a script once."""

    def __init__(self, text: str, put: Put) -> None:
        super().__init__(text, put)
        self._waiting: list[tuple[Command, str, bool, bool]] = []

    def read(self) -> tuple[Script, str]:
        """What it says, and the script with its placeholders replaced. Raises NotUnderstood."""
        self.commands(frozenset())
        if self.at < len(self.text):
            raise self.lost("a closing bracket too many")
        return self.script, self.replaced()

    def commands(self, until: frozenset[str]) -> list[Command]:
        """Commands up to a closing bracket or one of the words `until`, which is read as well."""
        found: list[Command] = []
        piped = False
        while True:
            self.blanks()
            if self.at >= len(self.text):
                if until:
                    raise self.lost(f"{' or '.join(sorted(until))} is missing")
                return found
            here = self.text[self.at]
            if here == ")":
                if here in until:
                    self.at += 1
                return found
            if self._ends_clause(until):
                return found
            if here in ";&\n|":
                piped = self._separator() or (piped and here == "\n")
                continue
            command = Command(self.line(), piped=piped)
            piped = False
            found.append(command)
            self.script.commands.append(command)
            self._command(command, until)

    def _ends_clause(self, until: frozenset[str]) -> bool:
        for end in until & {";;", "esac"}:
            if self.text.startswith(end, self.at) and (
                end == ";;" or not re.match(r"\w", self.text[self.at + 4 : self.at + 5])
            ):
                return True
        return False

    def _separator(self) -> bool:
        """Whether the next command reads what the last one writes."""
        if self.text[self.at] == "\n":
            self.at += 1
            self._here_documents()
            return False
        for operator in ("||", "&&", "|&", "|"):
            if self.text.startswith(operator, self.at):
                self.at += len(operator)
                return operator in ("|", "|&")
        self.at += 1
        return False

    def _command(self, command: Command, until: frozenset[str]) -> None:
        while self.at < len(self.text):
            self.blanks()
            here = self.text[self.at : self.at + 1]
            if not here or here in ";\n|)":
                return
            if here == "&" and not self.text.startswith("&>", self.at):
                return
            if self._redirect(command):
                continue
            if here == "(":
                if self._bracket(command):
                    return
                continue
            if not command.words and self._assignment(command):
                continue
            word = self.word()
            if not command.words and self._reserved(word, command):
                continue
            command.words.append(word)

    def _reserved(self, word: Word, command: Command) -> bool:
        """A word of the shell's own at the beginning of a command; what follows is a command again."""
        name = word.literal
        if not any(part.quoted for part in word.parts):
            if name in _RESERVED:
                return True
            if name == "case":
                self._case(command)
                return True
            if name in ("for", "select"):
                self._for(command)
                return True
            if name == "function":
                self.blanks()
                self._take_function(self.word().literal)
                return True
            if name == "[[":
                command.words.append(word)
                return True
            if name == "coproc":
                raise self.lost("`coproc`")
        return False

    def _take_function(self, name: str | None) -> None:
        if name is None:
            raise self.lost("a function without a plain name")
        self.script.functions.add(name)
        self.blanks()
        if self.text.startswith("()", self.at):
            self.at += 2

    def _bracket(self, command: Command) -> bool:
        """`(…)`, `((…))` or `name()`; whether the command is over."""
        if command.words and not command.assigned and len(command.words) == 1:
            found = re.compile(r"\(\s*\)").match(self.text, self.at)
            name = command.words[0].literal
            if found and name:
                self.at = found.end()
                self.script.functions.add(name)
                command.words.clear()
                return False
        if command.words and command.words[0].literal == "[[":
            self.at += 1  # a group inside of a condition
            command.words.append(Word((Part("text", "("),)))
            return False
        if command.words:
            raise self.lost("a bracket")
        if self.text.startswith("((", self.at):
            self.arithmetic(2, "))")
            return False
        self.at += 1
        self.commands(frozenset({")"}))
        return False

    def _case(self, command: Command) -> None:
        self.blanks()
        command.assigned.append(("", self.word()))
        self.blanks(newlines=True)
        if self.word().literal != "in":
            raise self.lost("`case` without `in`")
        while True:
            self.blanks(newlines=True)
            found = re.compile(r"esac(?!\w)").match(self.text, self.at)
            if found:
                self.at = found.end()
                return
            self._pattern(command)
            self.commands(frozenset({";;", "esac"}))
            ended = re.compile(r"\s*(;;&?|;&)").match(self.text, self.at)
            self.at = ended.end() if ended else self.at

    def _pattern(self, command: Command) -> None:
        while True:
            self.blanks(newlines=True)
            here = self.text[self.at : self.at + 1]
            if not here:
                raise self.lost("`case` without an end")
            if here == ")":
                self.at += 1
                return
            if here in "(|":
                self.at += 1
                continue
            command.assigned.append(("", self.word()))

    def _for(self, command: Command) -> None:
        self.blanks()
        if self.text.startswith("((", self.at):
            self.arithmetic(2, "))")
            return
        name = self.word().literal
        if name is None or not NAME.fullmatch(name):
            raise self.lost("`for` without a plain name")
        self.blanks(newlines=True)
        if not re.compile(r"in(?!\w)").match(self.text, self.at):
            command.assigned.append((name, Word((Part("variable", "@"),))))
            return
        self.at += 2
        while True:
            self.blanks()
            if self.text[self.at : self.at + 1] in ("", ";", "\n", "&", "|", ")"):
                return
            command.assigned.append((name, self.word()))

    def _assignment(self, command: Command) -> bool:
        found = _ASSIGNMENT.match(self.text, self.at)
        if found is None:
            return False
        if found[2]:
            self.compute(found[2])
        self.at = found.end()
        if self.text.startswith("(", self.at):
            self.at += 1
            while True:
                self.blanks(newlines=True)
                if self.text.startswith(")", self.at):
                    self.at += 1
                    return True
                if self.at >= len(self.text):
                    raise self.lost("a list without its end")
                command.assigned.append((found[1], self.word()))
        ends = self.text[self.at : self.at + 1] in ("", *META)
        command.assigned.append((found[1], Word() if ends else self.word()))
        return True

    # ------------------------------------------------------------------ redirections

    def _redirect(self, command: Command) -> bool:
        found = _REDIRECT.match(self.text, self.at)
        if found is None:
            return False
        operator = found[1]
        if operator in ("<", ">") and self.text.startswith("(", found.end()):
            return False
        self.at = found.end()
        self.blanks()
        if operator in ("<<", "<<-"):
            start = self.at
            delimiter = self.word()
            name = delimiter.literal
            if name is None:
                raise self.lost("a here-document whose end is not plain")
            quoted = any(sign in self.text[start : self.at] for sign in "'\"\\")
            self._waiting.append((command, name, quoted, operator == "<<-"))
            return True
        target = self.word()
        if operator.startswith("<"):
            command.inputs.append(target)
        elif not re.fullmatch(r"\d|-|/dev/null|/dev/std(out|err)", target.literal or ""):
            command.outputs.append(target)
        return True

    def _here_documents(self) -> None:
        for command, name, quoted, tabs in self._waiting:
            parts: list[Part] = []
            while True:
                if self.at >= len(self.text):
                    break
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                if (line.lstrip("\t") if tabs else line) == name:
                    self.at = min(end + 1, len(self.text))
                    break
                if quoted and PLACEHOLDER.search(line):
                    raise self.lost("a param in a here-document whose end is quoted")
                if not quoted:
                    parts += self.expanded(end, "here")
                self.at = min(end + 1, len(self.text))
            command.inputs.append(Word(tuple(parts)))
        self._waiting.clear()
