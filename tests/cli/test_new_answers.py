"""`new --answer` with answers that hold secrets or are meant to break out: no file of the skill holds any of it."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.reading import read_yaml

RANDOM = "Zx9q8W7e6R5tYu2Pk4Lm"
SHAPES = {
    "github": f"ghp_{RANDOM}{'a1B2' * 4}",
    "stripe": f"sk_live_{RANDOM}{RANDOM}",
    "openai": f"sk-proj-{RANDOM}{RANDOM}",
    "slack": f"xoxb-123456789012-123456789012-{RANDOM}",
    "aws": "AKIAZX9Q8W7E6R5TYU2P",
    "jwt": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{RANDOM}{RANDOM}",
    "pem": f"-----BEGIN PRIVATE KEY-----\n{RANDOM * 4}\n-----END PRIVATE KEY-----\n",
    "google": f"AIzaSy{RANDOM}{RANDOM}"[:39],
}
NAMES = ("access_token", "password", "apiKey", "client_secret", "refresh_token", "privateKey")
YAML = 'x\n---\nid: other\nauth: {type: api_key, header: X}\n- &a [*a]\n"'


def hostile() -> Iterator[tuple[str, str]]:
    """What each answer is, and its text."""
    for name, secret in SHAPES.items():
        yield f"{name} as a value", json.dumps({"id": 1, "note": f"use {secret} here"})
        yield f"{name} as a name", json.dumps({"id": 1, secret: True})
    for name in NAMES:
        yield f"under {name}", json.dumps({"id": 1, "session": {name: RANDOM}})
    yield "in an address", json.dumps({"next": f"https://me:{RANDOM}@x.example/?token={RANDOM}"})
    yield "in a list of maps", json.dumps([{"token": RANDOM}, {"token": RANDOM}])
    yield "JSON in a text", json.dumps({"raw": json.dumps({"api_key": RANDOM})})
    yield "XML in a text", json.dumps({"raw": f"<password>{RANDOM}</password>"})
    yield "a header in a text", json.dumps({"raw": f"Authorization: Bearer {RANDOM}"})
    yield (
        "base64 of basic auth",
        json.dumps({"raw": f"Basic {base64.b64encode(f'me:{RANDOM}'.encode()).decode()}"}),
    )
    yield "YAML that breaks out", json.dumps({YAML: YAML, "id": YAML})
    yield "odd text", json.dumps({"\u202eid": "\x00\x1b[2J\u2028", "a: b #": "\ud800"})
    yield "jq in names", json.dumps({'"]|env|.["': 1, "\\(env)": 2, "$ENV.KEY": 3})
    yield "very deep", "[" * 5000 + "]" * 5000
    yield "no JSON", f"<html>{RANDOM}</html>"


HOSTILE = dict(hostile())
CANARIES = (RANDOM, *SHAPES.values(), "AKIAZX9Q8W7E6R5TYU2P", base64.b64encode(f"me:{RANDOM}".encode()).decode())


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_of_a_new_skill_holds_a_canary_of_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    answer = tmp_path / "answer.json"
    answer.write_text(HOSTILE[name], encoding="utf-8")
    done = console.run("new", "my-api", "https://api.example.com/me", "--answer", answer)
    files = [file for file in (tmp_path / "skills").rglob("*") if file.is_file()]
    texts = [done.out, done.err, *(file.read_text(encoding="utf-8") for file in files)]
    assert [canary for canary in CANARIES if any(canary in text for text in texts)] == []
    if done.code != 0:
        assert (done.code, files, "bug of agentos" in done.err) == (1, [], False)
        return
    front = read_yaml(next(file for file in files if file.name == "readme.md").read_text().split("---\n")[1])
    assert (front["id"], front["auth"], [*front["utilities"]]) == ("my-api", "none", ["get_me"])
    assert console.run("check", tmp_path / "skills").code == 0
    assert console.run("test", "my-api", "--json").json["failed"] == 0
