"""What to write instead, for each way in which a value is not what the schema asks for."""

import re
from collections.abc import Mapping

from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.mistakes.environment import FIX, variables
from agentos_runtime.manifest.mistakes.torn import whole
from agentos_runtime.manifest.mistakes.words import TRUE_WORDS, known_value
from agentos_runtime.manifest.yaml.values import Cursor, Scalar
from agentos_runtime.regexes import regex

TYPE_WORDS: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
    "null": "null",
}


def short(name: str) -> str:
    """One line of at most 60 characters."""
    line = name.replace("\n", " ")
    return line if len(line) <= 60 else line[:57] + "…"


RETURNS_FIX = "Write `array` for a list, or a map of properties without quotes: `{name: string}`"


def type_fix(expected: list[str], cursor: Cursor) -> str | None:
    """How a value of another type would be written."""
    value, source = cursor.json, cursor.source
    if fix := _place_fix(cursor):
        return fix
    if isinstance(value, list) and "object" in expected:
        single = RETURNS_FIX if cursor.name == "returns" else "Write one value, without the list around it"
        return _list_fix(cursor) if len(expected) == 1 else single
    if "string" in expected and (isinstance(value, dict | list) or source is not None):
        return _quotes_fix(cursor)
    if expected == ["object"] and cursor.name in _WHOLE and source is not None:
        return _WHOLE[cursor.name].replace("{source}", source if source.isdecimal() else "2")
    if expected == ["object"] and cursor.path.startswith("settings.") and source is not None:
        return f"Write it as its default: `{cursor.name}: {{default: {short(source)}}}`"
    if expected == ["object"] and isinstance(value, str):
        return _text_fix(cursor, value)
    if expected == ["array"] and isinstance(value, dict) and cursor.name in _OF_MAPS:
        return f"Write it as a list of maps: `{cursor.name}:`, and below it `- ` before the first key of each"
    if expected == ["array"] and isinstance(value, dict):
        return f"Write it as a list: `[{short(', '.join(value))}]`"
    if "array" in expected and source is not None:
        apart = r"[ ,|]+" if cursor.name == "scopes" else r" *[|,] *"
        return f"Write it as a list: `[{short(', '.join(re.split(apart, ', '.join(whole(cursor)))))}]`"
    return None if source is None else _scalar_fix(expected, source, cursor)


def _quotes_fix(cursor: Cursor) -> str:
    """Something else where a text belongs."""
    only = _only_text(cursor.json)
    if only is not None:
        around = "list" if isinstance(cursor.json, list) else "map"
        return f"Write `{cursor.name}: {short(only)}`, without the {around}"
    words = cursor.json if isinstance(cursor.json, list) else []
    if words and cursor.name == "ignored" and all(isinstance(one, str) for one in words):
        listed = ", ".join(f'"{one}"' for one in words)
        return f"Write `ignored: '[{short(listed)}]'`"
    if words and ".headers." in cursor.path and all(isinstance(one, str) for one in words):
        return f'Write one text: "{short(", ".join(map(str, words)))}"'
    if cursor.path.endswith(".response.error"):
        return "Remove it: what is no 2xx is a failure by itself; `error` is jq over the answer, such as `.error`"
    written = cursor.document.text[cursor.value.start : cursor.value.start + 1]
    if cursor.source is None and written not in ("{", "["):
        return f"Write it as one text: `{cursor.name}: |`, and the lines of the text below it, further in"
    if cursor.source is None:
        return "Put quotes around the whole value: without them YAML reads `{` and `[` as a map or a list"
    return f'Write it in quotes: "{short(cursor.source)}"'


def _only_text(value: Json) -> str | None:
    """The one address in a list or map where a text belongs; jq that begins with a bracket is none."""
    entries = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    only = entries[0] if len(entries) == 1 else None
    return only if isinstance(only, str) and re.match(r"https?://|/\w", only) else None


def _place_fix(cursor: Cursor) -> str | None:
    """For keys that say something else than their name says elsewhere."""
    if cursor.name == "required" and isinstance(cursor.json, list):
        return "Write `required: true` at each of its `properties` that is"
    if cursor.name in ("root", "items") and cursor.path.count(".rest.") and isinstance(cursor.json, list):
        return f"Write it as a JSON Pointer: `/{short('/'.join(map(str, cursor.json)))}`"
    return _OF_PLACES.get(cursor.path.rpartition(".rest.")[2]) if cursor.source is not None else None


_OF_PLACES: Mapping[str, str] = {
    "id": "Write a name that begins with a letter, such as `github`",
    "auth": 'Write `auth: {type: api_key, header: Authorization, prefix: "Bearer "}`, or `auth: none`',
    "paginate.limit": "Write the query key that says how many entries a page has, such as `limit: per_page`",
}


def _scalar_fix(expected: list[str], source: str, cursor: Cursor) -> str | None:
    """A boolean or a number that is none to YAML."""
    if "boolean" in expected and source.lower() in TRUE_WORDS:
        return f"Write `{TRUE_WORDS[source.lower()]}`"
    if not {"number", "integer"} & set(expected):
        return "Write `true` or `false`" if expected == ["boolean"] else None
    if (fix := number_fix(cursor)) is not None:
        return fix
    written = re.fullmatch(r"(\d+(?:\.\d+)?) ?(ms|m|min|minutes?|h|hours?|s|sec|secs|seconds?)", source)
    if written is None:
        return None
    seconds = float(written[1]) * next(each for unit, each in _UNITS if written[2].startswith(unit))
    return f"Write {seconds:g}: it counts seconds"


def bound_fix(cursor: Cursor) -> str | None:
    """For a number that is too large where seconds are counted."""
    seconds = cursor.json
    if cursor.name not in _SECONDS or not isinstance(seconds, int) or seconds < 1000 or seconds % 500:
        return None
    return f"Write {seconds / 1000:g} when milliseconds were meant: it counts seconds"


_SECONDS = frozenset({"timeout", "idle_timeout", "interval", "deadline"})
_NUMBER = regex(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


_THOUSANDS = regex(r"-?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")


def number_fix(cursor: Cursor) -> str | None:
    """How a number is written that stands in quotes, or in a form that only other languages and YAML 1.1 read."""
    text = cursor.source or ""
    if isinstance(cursor.value, Scalar) and cursor.value.style:
        if _THOUSANDS.fullmatch(text):
            return f"Write {text.replace(',', '')}"
        return "Remove the quotes when a number is meant" if _NUMBER.fullmatch(text) else None
    plain = text.replace("_", "").replace(",", "").removeprefix("+")
    if re.fullmatch(r"0[0-7]+", plain):
        return f"Write {int(plain, 8)} for the octal number, {plain.lstrip('0') or '0'} for the decimal one"
    if re.fullmatch(r"0(?:[xX][0-9a-fA-F]{1,16}|[oO][0-7]{1,16}|[bB][01]{1,64})", plain):
        return f"Write {int(plain, 0)}"
    plain = re.sub(r"\A0+(?=[0-9])", "", plain)
    plain = f"0{plain}" if plain.startswith(".") else plain.rstrip(".")
    return f"Write {plain}" if _NUMBER.fullmatch(plain) else None


_CALLED = regex(r"(GET|POST|PUT|PATCH|DELETE|HEAD) +((?:https?:/)?/[^\s{}\[\],]*)")
_WORDS_OF_PARAM = regex(
    r"(?P<type>[A-Za-z_]+)[ ,]*(?P<needed>\(?(?:required|optional)\)?)?(?:\s*=\s*(?P<default>[\w.-]+))?"
)


def _declared(value: str) -> str | None:
    """`string (required)`, `integer = 5` as a declaration."""
    said = _WORDS_OF_PARAM.fullmatch(value.strip())
    kind = known_value(said["type"], tuple(TYPE_WORDS)) if said else None
    if said is None or kind is None or not (said["needed"] or said["default"]):
        return None
    required = ", required: true" if (said["needed"] or "").strip("()") == "required" else ""
    return f"type: {kind}{required}" + (f", default: {said['default']}" if said["default"] else "")


def _text_fix(cursor: Cursor, value: str) -> str:
    """A text where a map belongs."""
    if fix := _answer_fix(cursor, value) or _of_auth(cursor, value):
        return fix
    if re.match(r"https?://|/", value) and cursor.name in _ADDRESS_KEYS:
        return f"Write a map: `{cursor.name}: {{{_ADDRESS_KEYS[cursor.name]}: {short(value)}}}`"
    if (called := _CALLED.fullmatch(value)) and re.fullmatch(r"utilities\.\w+(?:\.rest)?", cursor.path):
        rest = f"method: {called[1]}, url: {short(called[2])}" if called[1] != "GET" else f"url: {short(called[2])}"
        return f"Write a map: `{cursor.name}: {{{rest if cursor.name == 'rest' else f'rest: {{{rest}}}'}}}`"
    of_params = cursor.parent is not None and cursor.parent.name in ("params", "properties")
    if of_params and (declared := _declared(value)) is not None:
        return f"Write it as a map: `{{{declared}}}`"
    name, colon, text = (part.strip() for part in value.partition(":"))
    if colon and name.isprintable() and " " not in name:
        return f"Write a map: `{short(cursor.name)}: {{{short(name)}: {short(text)}}}`"
    kind = known_value(value.rstrip("?!*"), tuple(TYPE_WORDS)) if value.rstrip("?!*").isidentifier() else None
    if kind is not None:
        return f"Write it as a map: `{{type: {kind}{', required: true' if value[-1] in '!*' else ''}}}`"
    if of_params and " " in value:
        quoted = f'"{short(value)}"' if re.search(r"[,:#{}\[\]\"']", value) else short(value)
        return f"Write it as a map: `{{type: string, description: {quoted}}}`"
    return "Write keys and values below it"


def _of_auth(cursor: Cursor, value: str) -> str | None:
    """One word where a credential says more."""
    if cursor.name == "login":
        return "Say both addresses: `login: {authorize_url: https://…, token_url: https://…}`"
    if cursor.path.startswith("auth.") and cursor.name == "body" and re.fullmatch(r"[\w.-]+", value):
        return f'Write `body: {{{value}: "{{key}}"}}`, and no `type`'
    return None


def _answer_fix(cursor: Cursor, value: str) -> str | None:
    """One word under `response`, and jq under `mapping`, which others write there."""
    if cursor.path in ("error", "response"):  # of a case
        return f"Write `{cursor.path}: {{{'code' if cursor.path == 'error' else 'body'}: {_quoted(value)}}}`"
    if cursor.name == "response":
        word = known_value(value, _FORMS)
        return f"Write `response: {{as: {word}}}`" if word else f"Write `response: {{transform: {_quoted(value)}}}`"
    if cursor.name == "query" and ":" not in value:
        pairs = re.findall(r"([\w-]+)=\s*(?:\{+\s*(\w+)\s*\}+|([^&\s]+))", value)
        written = ", ".join(f"{key}: {f'.params.{name}' if name else text}" for key, name, text in pairs)
        return f"Write keys and values below it: `{cursor.name}: {{{short(written or 'name: .params.name')}}}`"
    if cursor.name in ("mapping", "query", "headers", "body") and re.fullmatch(r"\{.*:.*\}", value, re.DOTALL):
        return f"Remove the quotes around it: `{cursor.name}: {short(value)}`"
    if cursor.name == "mapping" and value.startswith("."):
        return f"Write `transform: {short(value)}`, or a map from each field to jq: `mapping: {{name: .name}}`"
    return None


def _quoted(jq: str) -> str:
    """jq as it can stand in a map on one line."""
    return short(jq) if re.fullmatch(r"[\w. ]+", jq) else f"'{short(jq)}'" if "'" not in jq else "'…'"


_FORMS = ("json", "text", "lines", "csv", "xml", "ndjson", "any")


_ADDRESS_KEYS: Mapping[str, str] = {"api": "base_url", "rest": "url"}


def _list_fix(cursor: Cursor) -> str:
    """A list where a map belongs: how its first entry would be written."""
    first = cursor.element(0)
    value = first.json if first else None
    words = cursor.json if isinstance(cursor.json, list) else []
    if words and all(isinstance(one, str) and one.isidentifier() for one in words):
        if (
            cursor.name in ("items", "properties")
            and len(words) == 1
            and (kind := known_value(str(words[0]), TYPE_WORDS))
        ):
            return f"Write a map: `{cursor.name}: {{type: {kind}}}`"
        if cursor.name in ("query", "headers"):
            written = short(", ".join(f"{one}: .params.{one}" for one in words))
            return f"Write a map: `name: value` lines, without the `- `, as in `{cursor.name}: {{{written}}}`"
        if cursor.name in ("params", "properties"):
            return (
                f"Write a map: `{cursor.name}: {{{short(', '.join(f'{one}: {{type: string}}' for one in words))}}}`"
            )
    if isinstance(value, str) and re.match(r"https?://", value) and cursor.name in _ADDRESS_KEYS:
        return f"Write a map: `{cursor.name}: {{{_ADDRESS_KEYS[cursor.name]}: {short(value)}}}`"
    if isinstance(value, str) and ":" in value:
        name, _, text = value.partition(":")
        return f"Write a map: `{cursor.name}: {{{short(name.strip())}: {short(text.strip())}}}`"
    if isinstance(value, dict):
        key = next((key for key in ("name", "key", "id", "in") if isinstance(value.get(key), str)), None)
        if key:
            return f"Write a map: its `{key}` is the key, `{short(str(value[key]))}: …`, without the `- `"
        if len(value) == 1:
            only = next(iter(value))
            return f"Write a map: remove the `- ` before each key, `{short(only)}: …`"
    return "Write a map: `name: value` lines, without the `- `"


_OF_MAPS = frozenset({"seed", "relationships", "one_of", "steps", "exchanges"})
_UNITS = (("ms", 0.001), ("m", 60), ("h", 3600), ("s", 1))
_WHOLE: Mapping[str, str] = {
    "retry": "Write `retry: {attempts: {source}}`",
    "paginate": "Say how: `paginate: {style: cursor, next: .next}`, or `offset`, or `page`",
    "stream": "Say how its events are read: `stream: {delta: .text}`; callers ask for a stream with `stream: true`",
    "poll": "Say how: `poll: {url: .status_url, until: '.done'}`",
}
"""Keys that say how, where others only switch on."""
_BEARER = frozenset({"bearer", "jwt", "pat", "http", "token", "access_token", "accesstoken", "bearer_token"})


def auth_fix(cursor: Cursor, guess: str | None, known: list[str]) -> str | None:
    """What to write for a kind of credential; where only `none` may stand, the whole map."""
    word = (cursor.source or "").strip().lower().replace("-", "_")
    if word in _SIGNED:
        return (
            "Each call would have to be signed, which a skill cannot do: use a token, where the service takes one"
        )
    if word in ("cookie", "session", "cookies"):
        return 'Remove it, and write the cookie as a header: `header: {Cookie: "NAME={key}"}`'
    kind = guess if len(known) > 1 else known_value(word, _AUTH_KINDS)
    if word in _GRANTS and len(known) > 1:
        return f"Write `type: oauth, grant: {word}`"
    if kind == "api_key" and (word in _BEARER or len(known) == 1) and cursor.path != "":
        header = 'header: Authorization, prefix: "Bearer "'
        if len(known) > 1:
            return f"Write `type: api_key` with `{header}`"
        return f"Write `auth: {{type: api_key, {header}}}`" if cursor.path == "auth" else None
    if len(known) == 1 and kind not in (None, "none") and cursor.path == "auth":
        return f"Write `auth: {{type: {kind}}}`"
    return None


_SIGNED = frozenset(
    {
        "digest",
        "hmac",
        "aws",
        "aws_sigv4",
        "sigv4",
        "aws4",
        "ntlm",
        "negotiate",
        "kerberos",
        "hawk",
        "signature",
        "oauth1",
        "mtls",
    }
)
_GRANTS = ("client_credentials", "authorization_code")
_AUTH_KINDS = ("api_key", "basic", "oauth", "none")


def pattern_fix(text: str, pattern: str) -> str | None:
    """The value as it could be written, when a small change makes it fit."""
    if next(variables(text), None):
        return FIX
    if "://" not in pattern and (named := re.fullmatch(r"([A-Za-z_]\w*)\[\w*\]", text)):
        return f'Write {named[1]}, and `"{text}": .params.{named[1]}` where it is sent'
    if "://" not in pattern and (cut := re.fullmatch(r"([\w-]+)\s*[{\[].*", text, re.DOTALL)):
        return f"Write a `:` and a space behind it: `{cut[1]}: {{…}}`"
    if "://" in pattern and re.match(r"[\w.-]+\.\w+/", text) and re.search(pattern, f"https://{text}"):
        return f"Write https://{text}"
    if "://" in pattern and ("{" in text or re.search(r"\.(?:settings|params|auth)\b", text)):
        return "Write the address itself, such as https://api.example.com/v1: nothing is replaced here"
    if "://" in pattern and (fix := scheme_fix(text)) is not None:
        return fix
    if "://" in pattern and (query := re.fullmatch(r"(https?://[^?#\s]+)[?#].*", text)):
        return f"Write {query[1]}; what all requests carry stands under `api.query`"
    plain = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text).lower()
    guesses = (
        re.sub(r"^https?://([^/?#]*).*", r"\1", text),
        re.sub(r"[^a-z0-9]+", "_", plain).strip("_"),
        re.sub(r"[^a-z0-9]+", "-", plain).strip("-"),
        re.sub(r"\A(\d+)\W*([a-z]\w*)\Z", r"\2_\1", plain),
        re.sub(r"\A(\d+)\W*([a-z][a-z0-9-]*)\Z", r"\2-\1", plain),
        f"https://{text}",
        f"#{text}",
    )
    fitting = (guess for guess in guesses if guess != text and re.search(pattern, guess))
    guess = next(fitting, None) if len(text) <= 60 else None
    return f"Write {guess}" if guess else None


_SCHEME = regex(r"(?!https?://[^/])(?:[A-Za-z]\w*:/+|https?/+|/+)(.*)", re.DOTALL)
"""Another scheme than those of the web, or one of them misspelt, and what follows it."""
_HOST = regex(r"[^\s/?#]+[^\s?#]*\Z")


def scheme_fix(text: str) -> str | None:
    """The address with the scheme that was meant; None where nothing like a scheme stands before it."""
    said = _SCHEME.match(text)
    if said is None:
        return None
    return (
        f"Write https://{said[1]}" if _HOST.match(said[1]) else "Write the whole address, https://api.example.com"
    )


def empty_fix(cursor: Cursor) -> str:
    """For a key without a value; what begins with `#` is a comment to YAML."""
    key = cursor.key
    end = key.end if key is not None and not isinstance(key, int) else cursor.value.end
    rest = cursor.document.text[end:].split("\n", 1)[0].removeprefix(":").strip()
    if re.match(r"#\S", rest):
        return f'Write it in quotes, else `#` begins a comment: "{short(rest)}"'
    if cursor.parent is not None and cursor.parent.name in ("params", "properties"):
        return f"Write `{short(cursor.name)}: {{type: string}}`, or `{short(cursor.name)}: {{}}` for any value"
    return "Give it one, or remove the key"
