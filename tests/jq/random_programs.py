"""Random programs of the subset that is compiled, and random values for them."""

import random

from agentos_runtime.jsontext import Json

_KEYS = ("a", "b", "type", "text", "value", "key")
_SCALARS: tuple[Json, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 3.5, -0.25, 1.0, -0.0, 1e3, 1e15, 1e17, 10**20, 2**53, 2**53 - 1, 0.1,
    0.30000000000000004, 123456789.12345678, "", "a", "b", "é𝒳", " x ", '{"a":1}', "[1, 2]", "text", "aXa", "null",
    "\x7f", "\x1cx\x1d", "1.5", "10", "-7", "007", "-0", "1e3", "0.10", "12.25", "YQ==", "w6k=", "YQ", "YR==",
    "aGk=", " 1", "0x1", "nan", "a,b", "\u0000", "A\u0085B",
)  # fmt: skip
_ATOMS = (
    ".", ".a", ".b", ".type", ".a.b", ".a?", "null", "true", "false", "1", "0", "2", "0.5", '"a"', '""', "[]", "{}",
    "$v", ".[0]", ".[-1]", "length", "type", ".[]", ".[]?", "empty", "tojson", "not", "..", "error", '.["a"]',
    '."b"', "-1", "[.[]?]", "first", "last",
)  # fmt: skip
_CALLS = (
    "keys", "add", "reverse", "to_entries", "from_entries", "trim", "ltrim", "rtrim", "floor", "tostring",
    "ascii_downcase", "ascii_upcase", "fromjson", "flatten", "any", "all", "objects", "strings",
    "arrays", "max", "min", "sort", "unique", "transpose", "isnan", "@text", "@json", "@uri", '@uri "x\\(.)"',
    '@json "x\\(.)"', "numbers",
    "booleans", "nulls", "values", "iterables", "scalars", "recurse", "tonumber", "tonumber?", "ceil", "@base64",
    "@base64d", "@base64d?", '@base64 "x\\(.)"', "(@base64 | @base64d)", "[range(length)?]",
    "(tostring | tonumber?)", 'index("a")', 'rindex("a")', 'rindex("aXa")',
)  # fmt: skip
_SHAPES = (
    "(@ | @)", "(@ | @)", "(@ // @)", "(if @ then @ else @ end)", "(if @ then @ elif @ then @ end)",
    "(@ == @)", "(@ != @)", "(@ < @)", "(@ <= @)", "(@ > @)", "(@ >= @)", "(@ and @)", "(@ or @)",
    "(@ + @)", "(@ - @)", "(@ * @)", "(@ / @)", "(@ % @)", "(- @)", "[@]", "{a: @, b: @}", '{a, "b": @}',
    "{(@): @}", "{a: 1, $v}", '{"x\\(@)": @}', "(@ as $v | @)", "map(@)", "map_values(@)", "(.[] | @)?",
    "select(@)", "(try @ catch null)", "(try @ catch $v)",
    '(try @ catch error("x"))', "(@)?", "(@, @)", "any(@; @)", "all(@; @)", "any(@)",
    "all(@)", "(@ | not)", "first(@)", 'has("a")', "has(0)", "(.a |= @)", "(.b = @)", "(.a.b |= @)",
    "(.[] |= @)", "(.a += @)", "(.a //= @)", '(.["b"] |= @)', "(.[0] |= @)", "del(.a, .b)",
    "del(.[] | select(@))", "IN(@, @)", '([@] | join(","))', "(reduce .[]? as $v (@; @))",
    "sort_by(@)", "group_by(@)", "unique_by(@)", "with_entries(select(@))",
    "with_entries(.value |= @)", "[.. | @]", "(@ | fromjson?)", '"x\\(@)y\\(@)"', "isempty(@)", "add(@)",
    "(def f($p): @; def g(h): h | @; f(@) | g(@))", "(def f(g): [g, @]; f(@))", "(def f: @; [f, f])",
    "(def f(g): g; f(f(@)))", "(def f($p; g): $p | g; f(@; @))", "(@)[1:]", "(@)[:2]", "(@)[-1:]", "(@)[0]",
    '(@)["a"]', "(@)[@]", "(. as [$v, $w] | @)", "(. as {a: $v, $b} | @)", "[foreach .[]? as $v (0; @; @)]",
    "[foreach .[]? as [$v] (@; @)]", "startswith(@)", "endswith(@)", "ltrimstr(@)", "rtrimstr(@)",
    'split("a")', "split(@)", "join(@)", "(@ |= @)", "(.. |= @)", "(if @ then .a else .b end |= @)",
    "((.[] | select(@)) |= @)", "first((@, @) // @)", "try first(@, @) catch 1", "([@][0] // @)",
    "(@ | select(@) | @)", "[limit(2; @)]", "(@ | objects | @)", "(@ as {$a} | @)", "(label $out | @, break $out)",
    "[range(@)]", "[range(@; @)]", "[range(@)?]", "first(range(@))", "[range(0, @)]", "[(@)[@, @]]",
    "[.[@, @]?]", "[.[.[]?]?]", "rindex(@)", "index(@)", "[range(3) as $v | @]", "any(range(@); @)",
    "(@ | tonumber?)", "(@ | @base64)", "(@ | @base64d?)",
    "(def f: @; [(.a | f), (.b | f), (null | f)])", "(def f: @; def g: if @ then f else . end; (@ | g))",
    "[.a, .b, .type, (.text | @)]", "(.a as $v | {a, b, type, c: (@)})", "(@ | not | not)",
    "(if (@ | length) == 0 then @ else @ end)", "({a} + ({b, c: @} | del(.[] | select(@))))",
    "(def f: if @ then null else {a, b} end; {type} + (f // {}))", "try [.a, .b, .type] catch @",
)  # fmt: skip


class Maker:
    """Makes programs and values from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def program(self) -> str:
        return self._expression(self.random.randrange(1, 4))

    def _expression(self, depth: int) -> str:
        if depth <= 0:
            return self.random.choice(_ATOMS)
        if self.random.random() < 0.15:
            return self.random.choice(_CALLS)
        shape = self.random.choice(_SHAPES)
        first, *rest = shape.split("@")
        return first + "".join(self._expression(depth - 1) + part for part in rest)

    def value(self, depth: int = 0) -> Json:
        chance = self.random.random()
        if depth > 2 or (chance < 0.5 and depth) or chance < 0.15:
            return self.random.choice(_SCALARS)
        if chance < 0.65:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        return {self._key(): self.value(depth + 1) for _ in range(self.random.randrange(4))}

    def _key(self) -> str:
        return self.random.choice(_KEYS)
