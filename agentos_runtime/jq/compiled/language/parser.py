"""Tokens become nodes, with jq's precedence: `|` `,` `//` `=` `or` `and` `==` `+` `*`, from loose to tight."""

from collections.abc import Callable, Mapping

from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.language.cursor import Cursor
from agentos_runtime.jq.compiled.language.lexer import Token, tokens_of
from agentos_runtime.jq.compiled.language.library import is_called_by_a_sign
from agentos_runtime.jq.compiled.language.numbers import negated, number
from agentos_runtime.jq.compiled.language.optional import optional
from agentos_runtime.jq.compiled.language.syntax import (
    Alternative,
    Arithmetic,
    Array,
    Assign,
    Bind,
    Call,
    Comma,
    Compare,
    Const,
    Define,
    Each,
    Empty,
    Foreach,
    Identity,
    If,
    Index,
    Let,
    Logic,
    Names,
    Negate,
    Node,
    Object,
    Pattern,
    Pipe,
    Recurse,
    Reduce,
    Slice,
    Text,
    Try,
    Variable,
)

_KEYWORDS = frozenset(
    {
        *("def", "if", "then", "elif", "else", "end", "as", "reduce", "foreach", "try", "catch"),
        *("label", "import", "include", "and", "or", "__loc__"),
    }
)
_CONSTANTS: Mapping[str, bool | None] = {"null": None, "true": True, "false": False}
_ASSIGNMENTS = ("=", "|=", "+=", "-=", "*=", "/=", "%=", "//=")
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
_DEEPEST = 60
"""Brackets and the like inside each other; Python has its own limit for what is made of them."""


def parse_expression(text: str) -> Node:
    """The node of a whole expression. Raises Unsupported."""
    return _Parser(tokens_of(text)).whole()


def parse_definitions(text: str) -> tuple[Define, ...]:
    """Definitions, and nothing else. Raises Unsupported."""
    parser = _Parser(tokens_of(text))
    found = []
    while parser.at("def"):
        found.append(parser.define())
    parser.must_end()
    return tuple(found)


class _Parser(Cursor):
    def __init__(self, tokens: tuple[Token, ...], depth: int = 0) -> None:
        super().__init__(tokens)
        self.depth = depth

    # ------------------------------------------------------------------ from loose to tight

    def whole(self) -> Node:
        found = self.pipe()
        self.must_end()
        return found

    def pipe(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unsupported("nested too deeply")
        try:
            if self.at("def"):
                return Let(self.define(), self.pipe())
            left = self.comma()
            return Pipe(left, self.pipe()) if self.take("|") else left
        finally:
            self.depth -= 1

    def comma(self) -> Node:
        left = self.binding()
        while self.take(","):
            left = Comma(left, self.binding())
        return left

    def binding(self) -> Node:
        """What stands before an `as` is its source, all of it up to a comma; what follows sees the variables."""
        found = self.alternative()
        if not self.take("as"):
            return found
        pattern = self.pattern()
        self.need("|")
        return Bind(found, pattern, self.pipe())

    def alternative(self) -> Node:
        sides = [self.assignment()]
        while self.take("//"):
            sides.append(self.assignment())
        found = sides.pop()
        while sides:
            found = Alternative(sides.pop(), found)
        return found

    def assignment(self) -> Node:
        left = self.disjunction()
        if not self.at(*_ASSIGNMENTS):
            return left
        operator = self.next("sign").text
        right = self.disjunction()
        if self.at("//", *_ASSIGNMENTS):
            raise Unsupported("more behind an assignment")
        return Assign(operator, left, right)

    def disjunction(self) -> Node:
        left = self.conjunction()
        while self.take("or"):
            left = Logic("or", left, self.conjunction())
        return left

    def conjunction(self) -> Node:
        left = self.comparison()
        while self.take("and"):
            left = Logic("and", left, self.comparison())
        return left

    def comparison(self) -> Node:
        left = self.sum()
        if not self.at(*_COMPARISONS):
            return left
        operator = self.next("sign").text
        return Compare(operator, left, self.sum())

    def sum(self) -> Node:
        return self.chain(("+", "-"), self.product)

    def product(self) -> Node:
        return self.chain(("*", "/", "%"), self.factor)

    def chain(self, operators: tuple[str, ...], operand: Callable[[], Node]) -> Node:
        left = operand()
        while self.at(*operators):
            operator = self.next("sign").text
            left = Arithmetic(operator, left, operand())
        return left

    def factor(self) -> Node:
        """A term, perhaps with a minus."""
        return negated(self.postfix()) if self.take("-") else self.postfix()

    # ------------------------------------------------------------------ terms

    def postfix(self) -> Node:
        """A term and what follows it. A `?` is about the step that it follows at once, or else about all of it."""
        found = self.term()
        while True:
            step = self.step(found)
            if step is not None:
                found = optional(step) if self.take("?") else step
            elif self.take("?"):
                found = Try(found, None)
            else:
                return found

    def step(self, target: Node) -> Index | Slice | Each | None:
        """One step into a value, if one comes."""
        if self.token.kind == "field":
            return Index(target, Const(self.next("field").text[1:]))
        if self.at(".") and self.tokens[self.position + 1].kind == "string":
            self.position += 1
            return Index(target, self.string())
        if self.at(".") and self.tokens[self.position + 1].text == "[":
            self.position += 1
        return self.bracket(target) if self.at("[") else None

    def bracket(self, target: Node) -> Index | Slice | Each:
        self.need("[")
        if self.take("]"):
            return Each(target)
        low = None if self.at(":") else self.pipe()
        if self.take(":"):
            if low is None and self.at("]"):
                raise Unsupported("a slice without bounds")
            high = None if self.at("]") else self.pipe()
            self.need("]")
            return Slice(target, low, high)
        self.need("]")
        assert low is not None
        return Index(target, low)

    def term(self) -> Node:
        token = self.token
        if token.kind == "number":
            return Const(number(self.next("number").text))
        if token.kind == "string":
            return self.string()
        if token.kind == "format":
            form = self.next("format").text
            return self.string(form) if self.token.kind == "string" else Call(form, ())
        if token.kind == "field":
            return Identity()
        if token.kind == "variable":
            return Variable(self.next("variable").text[1:])
        if token.kind == "name":
            return self.named()
        return self.signed()

    def signed(self) -> Node:
        if self.take(".."):
            return Recurse()
        if self.at("."):
            following = self.tokens[self.position + 1]
            self.position += following.kind != "string" and following.text != "["
            return Identity()
        if self.take("("):
            inner = self.pipe()
            self.need(")")
            return inner
        if self.take("["):
            if self.take("]"):
                return Const([])
            body = self.pipe()
            self.need("]")
            return Array(body)
        if self.at("{"):
            return self.object()
        raise Unsupported(f"{self.token.text!r} is not expected")

    def named(self) -> Node:
        name = self.next("name").text
        if name == "if":
            return self.conditional()
        if name == "try":
            body = self.postfix()
            return Try(body, self.postfix() if self.take("catch") else None)
        if name in ("reduce", "foreach"):
            return self.fold(name)
        if name in _KEYWORDS or self.at("::"):
            raise Unsupported(name)
        args = self.arguments()
        return Const(_CONSTANTS[name]) if name in _CONSTANTS and not args else Call(name, args)

    def arguments(self) -> tuple[Node, ...]:
        if not self.take("("):
            return ()
        found = [self.pipe()]
        while self.take(";"):
            found.append(self.pipe())
        self.need(")")
        return tuple(found)

    def string(self, form: str = "@text") -> Node:
        parts = self.next("string").parts
        first = parts[0]
        if len(parts) == 1 and isinstance(first, str):
            return Const(first)
        inner = (part if isinstance(part, str) else _Parser(part, self.depth + 1).whole() for part in parts)
        return Text(tuple(inner), form)

    def conditional(self) -> Node:
        """From behind `if` or `elif` to the `end`."""
        condition = self.pipe()
        self.need("then")
        then = self.pipe()
        if self.take("elif"):
            self.depth += 1
            otherwise = self.conditional()
            self.depth -= 1
            return If(condition, then, otherwise)
        otherwise = self.pipe() if self.take("else") else Identity()
        self.need("end")
        return If(condition, then, otherwise)

    def fold(self, kind: str) -> Node:
        source = self.postfix()
        self.need("as")
        pattern = self.pattern()
        self.need("(")
        start = self.pipe()
        self.need(";")
        update = self.pipe()
        extract = self.pipe() if kind == "foreach" and self.take(";") else Identity()
        self.need(")")
        if kind == "reduce":
            return Reduce(source, pattern, start, update)
        return Foreach(source, pattern, start, update, extract)

    def define(self) -> Define:
        self.need("def")
        name = self.next("name").text
        params: list[str] = []
        if self.take("("):
            params.append(self.next("name", "variable").text)
            while self.take(";"):
                params.append(self.next("name", "variable").text)
            self.need(")")
        if {name, *params} & _KEYWORDS:
            raise Unsupported("a keyword as a name")
        if is_called_by_a_sign(name, params):
            raise Unsupported("a function that jq calls for a sign")
        self.need(":")
        body = self.pipe()
        self.need(";")
        return Define(name, tuple(params), body)

    # ------------------------------------------------------------------ objects and patterns

    def object(self) -> Node:
        self.need("{")
        entries: list[tuple[Node, Node]] = []
        while not self.take("}"):
            entries.append(self.entry())
            if not self.take(","):
                self.need("}")
                break
            if self.at("}"):
                raise Unsupported("a comma at the end of an object")
        return Object(tuple(entries)) if entries else Const({})

    def entry(self) -> tuple[Node, Node]:
        if self.token.kind == "variable":
            name = self.next("variable").text[1:]
            return Const(name), Variable(name)
        if self.take("("):
            key = self.pipe()
            self.need(")")
            self.need(":")
            if _is_computed(key) and not (isinstance(key, Const) and isinstance(key.value, str)):
                raise Unsupported("a key that jq computes when it compiles")
            return key, self.entry_value()
        key = self.string() if self.token.kind == "string" else Const(self.next("name").text)
        return key, self.entry_value() if self.take(":") else Index(Identity(), key)

    def entry_value(self) -> Node:
        found = self.factor()
        return Pipe(found, self.entry_value()) if self.take("|") else found

    def pattern(self) -> Pattern:
        if self.token.kind == "variable":
            return self.next("variable").text[1:]
        if self.take("["):
            found: list[tuple[str | int, Pattern]] = [(0, self.pattern())]
            while self.take(","):
                found.append((len(found), self.pattern()))
            self.need("]")
            return Names(tuple(found))
        self.need("{")
        entries = [self.pattern_entry()]
        while self.take(","):
            entries.append(self.pattern_entry())
        self.need("}")
        if self.at("?//"):
            raise Unsupported("?//")
        return Names(tuple(entries))

    def pattern_entry(self) -> tuple[str | int, Pattern]:
        if self.token.kind == "variable":
            name = self.next("variable").text[1:]
            if self.at(":"):
                raise Unsupported("a variable and a pattern")
            return name, name
        token = self.next("name", "string")
        key = token.text
        if token.kind == "string":
            if len(token.parts) != 1 or not isinstance(token.parts[0], str):
                raise Unsupported("an interpolated key")
            key = token.parts[0]
        self.need(":")
        return key, self.pattern()


def _is_computed(node: Node) -> bool:
    """Whether jq may know the value when it compiles, and refuse it there."""
    match node:
        case Arithmetic() | Compare() | Comma():
            return _is_computed(node.left) and _is_computed(node.right)
        case Pipe():
            sides = [each for each in (node.left, node.right) if not isinstance(each, Identity)]
            return bool(sides) and all(map(_is_computed, sides))
        case Negate() | Array():
            return _is_computed(node.body)
        case Object():
            return all(_is_computed(part) for entry in node.entries for part in entry)
    return isinstance(node, Const | Empty)
