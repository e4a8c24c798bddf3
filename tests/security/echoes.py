"""The forms in which an upstream may repeat what it was sent."""

import base64
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st

Encode = Callable[[str], str]


def code_units(text: str) -> Iterator[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    yield from (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


def escaped(text: str) -> str:
    """Each character as JSON escapes it."""
    return "".join(f"\\u{unit:04x}" for unit in code_units(text))


def in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def component(text: str) -> str:
    """What `encodeURIComponent` of JavaScript gives."""
    return quote(text, safe="!'()*~")


def small(text: str) -> str:
    """Percent escapes in lower case."""
    return re.sub("%..", lambda escape: escape[0].lower(), text)


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ESCAPES: Mapping[str, Encode] = {
    "url": quote,
    "url, all of it": lambda text: quote(text, safe=""),
    "url, small": lambda text: small(quote(text, safe="")),
    "form": quote_plus,
    "encodeURIComponent": component,
    "percent, each byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "JSON": in_json,
    "JSON with slashes": lambda text: json.dumps(text, ensure_ascii=False)[1:-1].replace("/", "\\/"),
    "JSON three times": lambda text: in_json(in_json(in_json(text))),
    "\\u, each character": escaped,
    "\\u, large": lambda text: "".join(f"\\u{unit:04X}" for unit in code_units(text)),
    "HTML": html.escape,
    "HTML, decimal": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(char):X};" for char in text),
    "every other character": lambda text: "".join(
        f"\\u{ord(char):04x}" if char == "\\" or (at % 2 and char < "\ud800") else char
        for at, char in enumerate(text)
    ),
}
"""One character after the other, so that every one of them may be written in another way."""

ENCODINGS: Mapping[str, Encode] = {
    "hex": lambda text: text.encode().hex(),
    "hex, large": lambda text: text.encode().hex().upper(),
    "base64": base64_of,
    "base64 without padding": lambda text: base64_of(text).rstrip("="),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
}
"""The whole text at once."""

FORMS: Mapping[str, Encode] = {
    "raw": lambda text: text,
    **ESCAPES,
    **ENCODINGS,
    "base64 of a header": lambda text: base64_of(f"Bearer {text}"),
    "base64 in the middle": lambda text: base64_of(f"<{text}> and more"),
    "double base64": lambda text: base64_of(base64_of(text)),
    "base64 of JSON": lambda text: base64_of(json.dumps({"key": text})),
    "base64 in a url": lambda text: quote(base64_of(text), safe=""),
    "JSON in a url": lambda text: quote(json.dumps(text), safe=""),
    "hex of base64": lambda text: base64_of(text).encode().hex(),
    "HTML of a url": lambda text: html.escape(quote(text)),
    "\\u in a url": lambda text: "".join(f"%{byte:02X}" for byte in escaped(text).encode()),
    "url twice": lambda text: quote(quote(text, safe=""), safe=""),
}

SECRET_LETTERS = st.sampled_from("aZ09-_./+=%\\\"'&<>#;: ~éß中😀")
SECRETS = st.one_of(
    st.text(SECRET_LETTERS, min_size=8, max_size=40),
    st.text("0123456789", min_size=8, max_size=20).filter(lambda digits: digits[0] != "0"),
    st.text("0123456789abcdef", min_size=32, max_size=64).map(lambda tail: f"sk-or-v1-{tail}"),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=20),
)
"""Of any letters: with quotes, backslashes and percent signs, of digits only, of any script."""
ENCODED = st.lists(st.sampled_from(sorted({**ESCAPES, **ENCODINGS})), max_size=3).filter(
    lambda names: names.count("JSON three times") < 2
)
"""Names of what is done to a secret, one after the other."""
CLEAN = st.text("abcdefghij XYZ.,!?()[]{}<>\n€ü", max_size=30)
"""Text that runs into no encoded form."""


def encode(secret: str, names: list[str]) -> str:
    for name in names:
        secret = {**ESCAPES, **ENCODINGS}[name](secret)
    return secret
