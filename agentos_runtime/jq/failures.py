"""jq's own words, made safe and useful.

jq quotes the data in its messages (keys and values included), so none of its words travel on as they are: a message
is recognised by a table and said anew from a closed vocabulary. What the table does not know becomes "failed".
"""

import re
from collections.abc import Mapping, Sequence

from agentos_runtime.jsontext import JsonTextError
from agentos_runtime.regexes import regex

_KIND = r"(null|boolean|number|string|array|object)"
_A: Mapping[str, str] = {
    "null": "null",
    "boolean": "a boolean",
    "number": "a number",
    "string": "a string",
    "array": "an array",
    "object": "an object",
}
_ABOUT_TWO: Sequence[str] = [
    "cannot be added",
    "cannot be subtracted",
    "cannot be multiplied",
    "cannot be divided",
    "cannot be divided (remainder)",
    "cannot be divided because the divisor is zero",
    "cannot be divided (remainder) because the divisor is zero",
    "cannot have their containment checked",
    "cannot be sorted, as they are not both arrays",
    "cannot be iterated over",
    "have wrong length",
]
_ABOUT_ONE: Sequence[str] = [
    "number required",
    "cannot be negated",
    "only strings can be parsed",
    "cannot be parsed as a number",
    "cannot be parsed as a boolean",
    "has no length",
    "only strings have UTF-8 byte length",
    "is not a valid format",
    "cannot be csv-formatted, only an array can be",
    "cannot be tsv-formatted, only an array can be",
    "is not valid in a csv row",
    "can not be escaped for shell",
    "is not valid base64 data",
    "trailing base64 byte found",
    "has no keys",
    "cannot be sorted, as it is not an array",
    "cannot be grouped, as it is not an array",
    "cannot be searched from",
    "cannot be matched, as it is not a string",
    "is not a string",
    "cannot be searched, as it is not a string",
    "can't be imploded, unicode codepoint needs to be numeric",
    "not a string or array",
]
_EXACT = frozenset(
    [
        "startswith() requires string inputs",
        "endswith() requires string inputs",
        "Equality check too deep",
        "Comparison too deep",
        "Containment check too deep",
        "split input and separator must be strings",
        "explode input must be a string",
        "trim input must be a string",
        "implode input must be an array",
        "strptime/1 requires string inputs and arguments",
        "mktime requires array inputs",
        "mktime requires parsed datetime inputs",
        "invalid gmtime representation",
        "gmtime() requires numeric inputs",
        "gmtime requires numeric inputs",
        "error converting number of seconds since epoch to datetime",
        "localtime() requires numeric inputs",
        "localtime requires numeric inputs",
        "strftime/1 requires parsed datetime inputs",
        "strftime/1 requires a string format",
        "strflocaltime/1 requires parsed datetime inputs",
        "strflocaltime/1 requires a string format",
        "Only arrays and strings can be sliced",
        "Array/string slice indices must be integers",
        "Start and end indices of an array slice must be numbers",
        "Cannot set array element at NaN index",
        "A slice of an array can only be assigned another array",
        "Cannot update string slices",
        "Path must be specified as an array",
        "Paths must be specified as an array",
        "Path too deep",
        "Range bounds must be numeric",
        "Out of bounds negative array index",
        "Array index too large",
        "String too long",
        "Repeat string result too long",
        "Invalid UTF-8 string",
        "Object too big",
        "Object merge too deep",
        "flatten depth must not be negative",
        "limit doesn't support negative count",
        "skip doesn't support negative count",
        "nth doesn't support negative indices",
    ]
)


def _any_of(tails: Sequence[str]) -> str:
    return "(" + "|".join(map(re.escape, tails)) + ")"


_TEMPLATES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (regex(pattern, re.DOTALL), words)
    for pattern, words in (
        (rf"Cannot index {_KIND} with string \(.*\)", "cannot index {0} with a name"),
        (rf"Cannot index {_KIND} with {_KIND}(?: \(.*\))?", "cannot index {0} with {1}"),
        (rf"Cannot iterate over {_KIND}(?: \(.*\))?", "cannot iterate over {0}"),
        (rf"{_KIND} \(.*\) and {_KIND} \(.*\) {_any_of(_ABOUT_TWO)}", "{0} and {1} {2}"),
        (rf"{_KIND} \(.*\) {_any_of(_ABOUT_ONE)}", "{0}: {1}"),
        (rf"{_KIND} not a string or array", "{0}: not a string or array"),
        (rf"Cannot use {_KIND} \(.*\) as object key", "cannot use {0} as the key of an object"),
        (rf"Cannot check whether {_KIND} has a {_KIND} key", "cannot check whether {0} has the key {1}"),
        (rf"Cannot delete fields? .*{_KIND}", "cannot delete a field of {0}"),
        (r"Cannot (?:delete|update) .*", "cannot change a field of this value"),
        (r"Invalid path expression .*", "invalid path expression: only paths can be assigned to"),
        (r'date ".*" does not match format ".*"', "the date does not match its format"),
        (r".* \(while parsing '.*'\)", "fromjson: the text is not JSON"),
        (r".* is not a valid modifier string", "the flags of a regular expression are not valid"),
        (r"Regex failure: .*|.* is not a valid regex.*", "a regular expression is not valid"),
        (r"parse error: Exceeds depth limit .*", "the data is nested too deeply"),
        (r"parse error: .*", "jq cannot read the data"),
    )
)
_AUTHORS_ERROR = regex(r'\berror\(\s*"([^"\\\n]{1,200})"\s*\)')


def safe_reason(message: str, program: str) -> str:
    """Words for a failed expression that hold nothing of the data.

    `message` is jq's; `program` is the text that ran: an author's own `error("text")` is passed on when it stands
    there literally.
    """
    if message in _AUTHORS_ERROR.findall(program):
        return message
    if message in _EXACT:
        return message[0].lower() + message[1:]
    for pattern, words in _TEMPLATES:
        if found := pattern.fullmatch(message):
            return words.format(*(_A.get(group, group) for group in found.groups()))
    return "failed"


def unreadable_reason(error: JsonTextError) -> str:
    """Words for a result that is not JSON as the runtime carries it; JsonTextError quotes no data either."""
    return f"gives what JSON cannot carry: {error}"
