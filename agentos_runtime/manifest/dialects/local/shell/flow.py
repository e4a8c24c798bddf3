"""Where the texts of params go in a shell script: never into code, into options only where that is looked at."""

from collections.abc import Iterable, Mapping
from dataclasses import field

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.dialects.local.shell.interpreters import Code, code_of, program_of, shell_code
from agentos_runtime.manifest.dialects.local.shell.reader import Reader
from agentos_runtime.manifest.dialects.local.shell.script import (
    CLOSE,
    OPEN,
    Command,
    NotUnderstood,
    Part,
    Quoting,
    Script,
    Word,
)

_DECLARES = frozenset({"local", "export", "declare", "typeset", "readonly"})
_READS = frozenset({"read", "mapfile", "readarray", "getopts"})
_COMPARES = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v", "-R"})
_ALL_GIVEN = frozenset({"@", "*"})
_NO_PROGRAMS = frozenset({"[[", "[", "test", ":", "true", "false", "return", "exit", "shift", "break", "continue"})
Sources = frozenset[int]


@dataclass(slots=True)
class Checked:
    """A script that may be run, and what must be asked of the values that it is given."""

    text: str
    whole: set[int] = field(default_factory=set)
    """Values that stand where an option could: none may begin with `-`."""
    split: set[int] = field(default_factory=set)
    """Values that the shell splits and expands: nothing in them may make it do so."""


def check_script(text: str, variables: Mapping[int, str], given: Mapping[str, int], numbers: Sources) -> Checked:
    """Follow what a script does with the values that it is given.

    variables: placeholders by their numbers, and the variable that holds each one's value. given: those of `$1`,
    `$2`, … that hold values of params, without their `$`. numbers: values that are numbers whatever the caller
    says. Raises NotUnderstood for a script that makes code of a value, or of which that is not known.
    """

    def put(number: int, quoting: Quoting, line: int) -> str:
        return f'"${variables[number]}"' if quoting == "bare" else f"${{{variables[number]}}}"

    if not variables and not given:
        return Checked(text)
    held = {name: frozenset({number}) for number, name in variables.items()}
    held |= {name: frozenset({number}) for name, number in given.items()}
    if "\0" in text:
        raise NotUnderstood("its script has a zero byte")
    try:
        script, replaced = Reader(text, put).read()
        checked = Checked(replaced)
        _Flow(script, checked, held, frozenset(given.values()), numbers).check()
    except RecursionError:
        raise NotUnderstood("its script nests too deeply") from None
    return checked


def _nothing_put(number: int, quoting: Quoting, line: int) -> str:
    raise NotUnderstood(f"line {line} of its script has a param in code of another shell")


class _Flow:
    """Follows values from where they are given to the words of commands."""

    def __init__(
        self, script: Script, checked: Checked, held: Mapping[str, Sources], arguments: Sources, numbers: Sources
    ) -> None:
        self._script = script
        self._checked = checked
        self._numbers = numbers
        self._of: dict[str, Sources] = dict(held)
        self._of_arguments: Sources = arguments
        self._all: Sources = frozenset().union(arguments, *held.values())

    def check(self) -> None:
        """Raise NotUnderstood for what must not be; note what must be asked of values."""
        self._all |= frozenset().union(*(self._params(word) for word in self._every_word()), self._in_arithmetic())
        while self._spread():
            pass
        for line, names in self._script.computed:
            self._check_computed(line, names)
        for command in self._script.commands:
            self._check_command(command)
        self._check_files()

    # ------------------------------------------------------------------ where values go

    def _every_word(self) -> Iterable[Word]:
        for command in self._script.commands:
            yield from (*command.words, *command.inputs, *command.outputs)
            yield from (word for _, word in command.assigned)

    def _params(self, word: Word) -> Sources:
        found = {int(part.text) for part in word.parts if part.kind == "param"}
        return frozenset(found).union(*(self._params(inner) for part in word.parts for inner in part.inside))

    def _in_arithmetic(self) -> Sources:
        names = (name for _, computed in self._script.computed for name in computed)
        return frozenset(int(name[1:-1]) for name in names if name.startswith(OPEN) and name.endswith(CLOSE))

    def _spread(self) -> bool:
        """Note what variables hold; whether anything is new."""
        before = dict(self._of), self._of_arguments
        for command in self._script.commands:
            for name, word in command.assigned:
                self._hold(name, self._sources(word))
            head = program_of(command.words[0]) if command.words else None
            values = frozenset[int]().union(*map(self._sources, command.words[1:]))
            if head in _DECLARES:
                for word in command.words[1:]:
                    self._hold(_assigned_name(word), self._sources(word))
            elif head in _READS:
                for word in command.words[1:]:
                    self._hold(word.literal or "", self._all)
                self._hold("REPLY", self._all)
                self._hold("MAPFILE", self._all)
            elif head == "printf" and len(command.words) > 2 and command.words[1].literal == "-v":
                self._hold(command.words[2].literal or "", values)
            elif head == "set" or head in self._script.functions:
                self._of_arguments |= values
        return (dict(self._of), self._of_arguments) != before

    def _hold(self, name: str, sources: Sources) -> None:
        if name and sources:
            self._of[name] = self._of.get(name, frozenset()) | sources

    def _sources(self, word: Word) -> Sources:
        return frozenset[int]().union(*map(self._part_sources, word.parts))

    def _part_sources(self, part: Part) -> Sources:
        if part.kind == "param":
            return frozenset({int(part.text)})
        if part.kind == "inner":
            return frozenset[int]().union(*map(self._sources, part.inside))
        if part.kind != "variable":
            return frozenset()
        if part.text == "_":
            return self._all
        own = self._of.get(part.text, frozenset())
        if part.text.isdecimal() or part.text in _ALL_GIVEN:
            moved = self._script.functions or self._moves_arguments
            own |= self._of_arguments if moved or part.text in _ALL_GIVEN else frozenset()
        return own

    @property
    def _moves_arguments(self) -> bool:
        heads = {program_of(command.words[0]) for command in self._script.commands if command.words}
        return bool(heads & {"shift", "set"})

    # ------------------------------------------------------------------ what must not be

    def _check_computed(self, line: int, names: frozenset[str]) -> None:
        for name in names:
            if name.startswith(OPEN):
                sources = frozenset({int(name[1:-1])})
            else:
                sources = self._part_sources(Part("variable", name))
            if sources - self._numbers:
                raise NotUnderstood(f"line {line} of its script computes with a param that is no number")

    def _check_command(self, command: Command) -> None:
        words = command.words
        values = frozenset[int]().union(*map(self._sources, words), *map(self._sources, command.inputs))
        if not words:
            self._check_splitting(command.outputs + command.inputs)
            return
        name = program_of(words[0])
        if name is None and (self._sources(words[0]) or values):
            raise NotUnderstood(f"line {command.line} of its script runs a program that is not named in it")
        code = code_of(words)
        if code is not None:
            self._check_code(command, code)
        for inner in shell_code(words):
            self._check_inner(inner, values)
        self._check_builtin(command, name or "")
        if name != "[[":
            self._check_splitting([*words, *command.outputs, *command.inputs])
        if name not in _NO_PROGRAMS:
            self._check_options(words)
        if name == "xargs" and command.piped:
            self._checked.whole |= self._all - self._numbers

    def _check_code(self, command: Command, code: Code) -> None:
        inside = any(map(self._sources, code.words))
        fed = code.from_input and self._all and (command.piped or any(map(self._sources, command.inputs)))
        if inside or fed:
            raise NotUnderstood(
                f"line {command.line} of its script would make a param code of `{code.interpreter}`; only what is "
                "known to stay a value is run"
            )

    def _check_inner(self, text: str, values: Sources) -> None:
        """Code of another shell that stands in the script: it sees the same variables, and its own arguments."""
        script, _ = Reader(text, _nothing_put).read()
        held = self._of | {str(number): values for number in range(10) if values}
        _Flow(script, self._checked, held, values, self._numbers).check()

    def _check_builtin(self, command: Command, name: str) -> None:
        words = command.words
        texts = {word.literal for word in words}
        computes = (name == "[[" and texts & _COMPARES) or (name in ("[", "test") and "-v" in texts)
        refers = (name in ("unset", *_READS) or name in _DECLARES) and any(
            self._sources(word) and not _assigned_name(word) for word in words[1:]
        )
        numeric = name in _DECLARES and any(
            text and text.startswith("-") and set(text) & set("inA") for text in texts
        )
        printed = name == "printf" and len(words) > 2 and "-v" in texts and self._sources(words[2])
        risky = frozenset[int]().union(*map(self._sources, words)) - self._numbers
        if risky and (computes or refers or numeric or printed):
            raise NotUnderstood(f"line {command.line} of its script computes with a param that is no number")

    def _check_splitting(self, words: Iterable[Word]) -> None:
        for word in words:
            for part in word.parts:
                if not part.quoted:
                    self._checked.split |= self._part_sources(part) - self._numbers

    def _check_options(self, words: list[Word]) -> None:
        for word in words[1:]:
            if word.literal == "--":
                return
            first = next((part for part in word.parts if part.kind != "text" or part.text), None)
            if first is not None:
                self._checked.whole |= self._part_sources(first) - self._numbers

    def _check_files(self) -> None:
        """A param that is written to a file, in a script that runs files."""
        codes = [(command, code_of(command.words)) for command in self._script.commands if command.words]
        runs = [code.interpreter for _, code in codes if code and (code.from_file or code.from_input)]
        for command in self._script.commands:
            tees = bool(command.words) and program_of(command.words[0]) in ("tee", "dd", "cp", "sponge")
            if runs and self._all and (command.outputs or tees):
                raise NotUnderstood(
                    f"line {command.line} of its script writes a file, and it runs code of files with "
                    f"`{runs[0]}`: a param could become that"
                )


def _assigned_name(word: Word) -> str:
    """The name of `name=…` as a word of `local` or `export`; empty for any other word."""
    first = word.parts[0] if word.parts else None
    if first is None or first.kind != "text" or first.quoted or "=" not in first.text:
        return ""
    name = first.text.partition("=")[0].removesuffix("+")
    return name if name.isidentifier() else ""
