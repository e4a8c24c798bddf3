"""What to write is what works: each mistake of one edit, told once, with its place and its fix."""

# ruff: noqa: E501  (a row of a table is one line)
import pytest

from tests.manifest.mistakes import all_problems
from tests.manifest.test_newcomers import SHOP

AUTH = 'auth: {type: api_key, header: Authorization, prefix: "Bearer "}'
BASE = "base_url: https://api.example.com/v1"
LIST = "url: /things\n"
ADDRESSES = {
    "a scheme misspelt": (BASE, "base_url: htps://api.example.com/v1", "6:17 Write https://api.example.com/v1"),
    "a slash too few": (BASE, "base_url: https:/api.example.com/v1", "6:17 Write https://api.example.com/v1"),
    "no colon": (BASE, "base_url: https//api.example.com/v1", "6:17 Write https://api.example.com/v1"),
    "no scheme, but slashes": (BASE, "base_url: //api.example.com/v1", "6:17 Write https://api.example.com/v1"),
    "a scheme alone": (BASE, "base_url: https://", "6:17 Write the whole address, https://api.example.com"),
    "a scheme misspelt in a utility": (LIST, "url: htps://api.example.com/things\n", "15:12 Write https://api.example.com/things"),
    "a slash too few in a utility": (LIST, "url: https:/api.example.com/things\n", "15:12 Write https://api.example.com/things"),
    "an address for a map": (f"{{{BASE}}}", "https://api.example.com/v1", "6:6 Write a map: `api: {base_url: https://api.example.com/v1}`"),
    "a url for the base": (BASE, "url: https://api.example.com/v1", "6:7 Did you mean `base_url`?"),
    "headers of a key": (AUTH, "auth: {type: api_key, headers: X-Key}", "5:23 Did you mean `header`?"),
    "a variable for a key": (AUTH, "auth: {type: api_key, header: X-Key, env: SHOP_KEY}", "5:38 Remove it: `agentos keys set` stores the key, or <ID>_API_KEY in the server's environment holds it"),
}  # fmt: skip


def told(text: str) -> list[str]:
    (found,) = all_problems([text.encode()])
    return [f"{p.place.position.line}:{p.place.position.column} {p.fix}" for p in found]


TOLD = {**ADDRESSES}


@pytest.mark.parametrize("name", TOLD)
def test_a_mistake_is_told_once_with_what_to_write(name: str) -> None:
    old, new, expected = TOLD[name]
    assert old in SHOP
    assert told(SHOP.replace(old, new, 1)) == [expected]
