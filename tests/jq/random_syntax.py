"""Random programs with few brackets, so that precedence decides, and values as raw JSON text."""

import random

_FIELDS = (
    "a", "b", "key", "value", "if", "and",
)  # fmt: skip
_NAMES = (
    "x", "key", "value", "params", "type",
)  # fmt: skip
_NUMBERS = (
    "0", "1", "-1", "2", "3", "1.5", "0.1", "0.2", "1e3", "1.0", "-0.0", "-0", "0e5", "0.0", "1E400", "1e-400",
    "5e-324", "4.9e-324", "-1e-320", "9007199254740993", "9007199254740992", "123456789012345", "1e15", "1e17",
    "0.30000000000000004", "1e-7", "2.50", "99999999999999999999", "1.7976931348623157e308",
    "12345678.12345678",
)  # fmt: skip
_TEXTS = (
    '""', '"a"', '"key"', '"x\\u0000y"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\u007f"', '" a\\n"',
    '"\\u00a0x\\u2003"', '"1"', '"1e-400"', '"[-0]"', '"[1.50, 1E5]"', '" 1 "', '"nan"', '"\\ufeff1"',
    '"\\u0085"', '"a,b"', '"\\\\ud800"',
)  # fmt: skip
_LITERALS = (
    "0", "1", "2", "007", "0.5", "1.5", "9007199254740993", "100000000000000000000", '""', '"a"', '"é"', '"1"',
)  # fmt: skip
_PLAIN = (
    "keys", "add", "reverse", "to_entries", "from_entries", "trim", "floor", "tostring", "tojson", "fromjson",
    "any", "flatten", "max", "min", "sort", "unique", "length", "type", "not", "first", "last", "error",
    "empty", "null", "..", "strings", "objects", "values", "@text", "ascii_downcase", "transpose", "true",
    "isnan", "@uri", "@base64", "@base64d", "tonumber", "ceil", "range(3)", "range(length)",
)  # fmt: skip
_TAKING = (
    "map", "select", "map_values", "with_entries", "sort_by", "unique_by", "add", "first", "isempty", "any",
    "IN", "has", "join", "split", "startswith", "ltrimstr", "range",
)  # fmt: skip
_OPERATORS = ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or")


class SyntaxMaker:
    """Makes programs and values from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.variables = ["x"]

    def program(self) -> str:
        self.variables = ["x"]
        return f"7 as $x | {self._pipe(self.random.randrange(1, 5))}"

    def _one(self, *choices: str) -> str:
        return self.random.choice(choices)

    def _rarely(self, chance: float, depth: int) -> bool:
        return depth > 0 and self.random.random() < chance

    def _pipe(self, depth: int) -> str:
        if self._rarely(0.2, depth):
            return f"{self._comma(depth - 1)} | {self._pipe(depth - 1)}"
        if self._rarely(0.2, depth):
            known = list(self.variables)
            source = self._alternative(depth - 1)
            bound = f"{source} as {self._pattern(1)} | {self._pipe(depth - 1)}"
            self.variables = known
            return bound
        return self._comma(depth)

    def _comma(self, depth: int) -> str:
        if self._rarely(0.12, depth):
            return f"{self._alternative(depth - 1)}, {self._pipe(depth - 1)}"
        return self._alternative(depth)

    def _alternative(self, depth: int) -> str:
        if self._rarely(0.15, depth):
            return f"{self._assignment(depth - 1)} // {self._alternative(depth - 1)}"
        return self._assignment(depth)

    def _assignment(self, depth: int) -> str:
        if self._rarely(0.08, depth):
            operator = self._one("=", "|=", "+=", "-=", "//=")
            return f"{self._steps('', depth, optional=False)} {operator} {self._operation(depth - 1)}"
        return self._operation(depth)

    def _operation(self, depth: int) -> str:
        if self._rarely(0.35, depth):
            return f"{self._operand(depth - 1)} {self._one(*_OPERATORS)} {self._operation(depth - 1)}"
        return self._operand(depth)

    def _operand(self, depth: int) -> str:
        return ("-" if self.random.random() < 0.06 else "") + self._postfix(depth)

    def _postfix(self, depth: int) -> str:
        term = self._term(depth)
        if self.random.random() < 0.25:
            return self._steps(f"({term})", depth, optional=True)
        return term + ("?" if self.random.random() < 0.05 else "")

    def _steps(self, target: str, depth: int, *, optional: bool) -> str:
        for _ in range(self.random.randrange(1, 4)):
            step = self._step(depth)
            target += f".{step}" if not target and step[0] == "[" else step
            target += "?" if optional and self.random.random() < 0.3 else ""
        return target

    def _step(self, depth: int) -> str:
        kind = self.random.random()
        if kind < 0.5:
            return f".{self._one(*_FIELDS)}"
        if kind < 0.6 and depth > 0:
            return f"[{self._pipe(depth - 1)}]"
        return self._one("[]", "[0]", "[-1]", '["a"]', '."key"', "[1:]", "[:-1]", "[.a:]", "[.b]", "[:length]")

    def _pattern(self, depth: int) -> str:
        kind = self.random.random()
        if kind < 0.6 or not depth:
            self.variables.append(self._one(*_NAMES))
            return f"${self.variables[-1]}"
        return f"[{self._pattern(0)}]" if kind < 0.8 else f"{{a: {self._pattern(0)}}}"

    def _term(self, depth: int) -> str:
        kind = self.random.random()
        if depth <= 0 or kind < 0.3:
            return self._leaf()
        inner = self._pipe(depth - 1)
        if kind < 0.36:
            return f"({inner})"
        if kind < 0.43:
            return f"[{inner}]"
        if kind < 0.55:
            return "{" + ", ".join(self._entry(depth) for _ in range(self.random.randrange(4))) + "}"
        if kind < 0.62:
            otherwise = f" else {self._pipe(depth - 1)}" if self._rarely(0.7, 1) else ""
            return f"if {inner} then {self._pipe(depth - 1)}{otherwise} end"
        if kind < 0.69:
            return f"try {self._postfix(depth - 1)}" + self._one("", " catch .", " catch null", " catch empty")
        if kind < 0.74:
            return self._fold(depth)
        if kind < 0.8:
            return self._one("", "@json ", "@uri ") + f'"a\\({inner})\\({self._pipe(depth - 1)})"'
        return f"{self._one(*_TAKING)}({inner})"

    def _fold(self, depth: int) -> str:
        known = list(self.variables)
        source = f"{self._one('reduce', 'foreach')} {self._postfix(depth - 1)} as {self._pattern(1)}"
        fold = f"[{source} ({self._pipe(depth - 1)}; {self._pipe(depth - 1)})]"
        self.variables = known
        return fold

    def _leaf(self) -> str:
        kind = self.random.random()
        if kind < 0.4:
            return self._steps("", 0, optional=True)
        if kind < 0.55:
            return self._one(".", f"${self._one(*self.variables)}")
        return self._one(*_LITERALS) if kind < 0.75 else self._one(*_PLAIN)

    def _entry(self, depth: int) -> str:
        value = self._one(
            self._postfix(depth - 1), f"({self._pipe(depth - 1)})", f"-{self._postfix(0)}", ".a | .b?"
        )
        name = self._one(*_FIELDS, '"a"', f"({self._pipe(depth - 1)})", f'"\\({self._postfix(0)})"')
        return self._one(f"{name}: {value}", f"{name}: {value}", f"${self._one(*self.variables)}", "a")

    def value(self, depth: int = 0) -> str:
        """JSON text."""
        kind = self.random.random()
        if depth > 2 or kind < (0.5 if depth else 0.1):
            return self._one(self._one(*_NUMBERS), self._one(*_TEXTS), "null", "true", "false", "1", '"a"')
        inner = [self.value(depth + 1) for _ in range(self.random.randrange(5))]
        if kind < 0.7:
            return f"[{','.join(inner)}]"
        return "{" + ",".join(f'"{self._one(*_FIELDS)}":{each}' for each in inner) + "}"
