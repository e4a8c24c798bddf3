"""One mistake in a file: what serves all the same is what its author wrote, or nothing does."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos_runtime.manifest.load import load_skill
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.result import LoadResult
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.resources import read_schema
from agentos_runtime.skills.salvage import without_broken

SCHEMA = ManifestSchema(read_schema("manifest"))
TEXT = """\
---
id: demo
name: Demo
description: Two services in one
auth:
  credentials:
    default:
      type: api_key
      header: Authorization
      prefix: "Bearer "
    admin:
      type: api_key
      header: X-Admin
api:
  base_url: https://api.example.com
  headers:
    X-Version: "2"
  query:
    lang: en
definitions: |
  def plain: .text;
utilities:
  purge:
    description: Takes everything away
    effect: destroy
    credential: admin
    params:
      place:
        type: string
        required: true
    rest:
      method: POST
      url: /purge
      timeout: 5
      refuse: if .params.place == "all" then "not all of it" else empty end
      headers:
        X-Reason: .params.place
      body:
        place: .params.place
      retry:
        attempts: 1
  read:
    description: Reads
    credential: default
    returns:
      text: string
    rest:
      url: /read
      query:
        deep: "1"
      response:
        root: /data
        mapping:
          text: plain
  write:
    description: Writes
    params:
      text:
        type: string
    rest:
      method: PUT
      url: https://other.example.com/write
      encoding: form
      body:
        text: .params.text
---
"""


def load(text: str) -> LoadResult:
    return load_skill(text.encode(), schema=SCHEMA, file=Path("demo.md"), folder=None, siblings=())


def meant(skill: Skill) -> dict[str, str]:
    """What each utility does, wherever it stands."""
    places = re.compile(r"place=Place\(.*?\)\)|(?:url_)?place=Place\([^)]*\)\)?|Position\([^)]*\)")
    return {
        name: places.sub("", repr((utility, skill.auth.get(utility.credential or ""), skill.definitions)))
        for name, utility in skill.utilities.items()
    }


def edits() -> Iterator[tuple[str, str]]:
    """Each line of the front matter, spoilt in every way that a hand spoils lines; and what was done."""
    lines = TEXT.splitlines()
    for at, line in enumerate(lines):
        if line == "---":
            continue
        stripped = line.lstrip()
        spoilt = {
            "further in": ["  " + line],
            "much further in": ["    " + line],
            "gone": [],
            "commented": ["# " + line],
            "twice": [line, line],
            "misspelt": [line.replace(stripped[:3], stripped[2::-1], 1)],
            "without colon": [line.replace(":", "", 1)],
            "without value": [line.partition(":")[0] + ":"],
            "a list": [f"{line.partition(':')[0]}: [1, {{a: }}]"],
        }
        for less in range(2, len(line) - len(stripped) + 1, 2):
            spoilt[f"{less} out"] = [line[less:]]
        for how, instead in spoilt.items():
            yield f"line {at + 1} {how}: {stripped}", "\n".join([*lines[:at], *instead, *lines[at + 1 :], ""])


def served(text: str) -> Skill | None:
    """What is left of a file with errors; None where nothing is, and for a file without any."""
    result = load(text)
    return without_broken(result.doubtful, result.problems)


@pytest.mark.slow
def test_whatever_is_done_to_one_line_what_is_left_does_what_was_meant() -> None:
    whole = load(TEXT).skill
    assert whole is not None, load(TEXT).problems
    wanted = meant(whole)
    left = [(what, found) for what, text in edits() if (found := served(text))]
    assert len(left) > 50
    for what, found in left:
        for name, does in meant(found).items():
            assert does == wanted.get(name), what


HEAD = "---\nid: demo\nname: Demo\ndescription: x\n"
AUTH = "auth: {type: api_key, header: Authorization}\n"
GOOD = "  good: {description: Good, rest: {url: https://a.example/, method: POST}}\n"


@pytest.mark.parametrize(
    "lines",
    [
        AUTH + "utilities:\n" + GOOD + "  effect: destroy\n",
        AUTH + "utilities:\n" + GOOD + "  credential: admin\n",
        AUTH + "utilities:\n" + GOOD + "  api: {headers: {X-Version: '2'}}\n",
        "utilities:\n" + GOOD + "  auth: {type: api_key, header: Authorization}\n",
        "oauth: {type: api_key, header: Authorization}\nutilities:\n" + GOOD + "  bad: {rest: {}}\n",
        AUTH
        + "utilities:\n  bad: {description: B, rest: {url: https://a.example/, body: &same {n: 1e999}}}\n"
        + "  good: {description: G, rest: {url: https://a.example/, method: POST, body: *same}}\n",
        AUTH
        + "utilities:\n  bad: {description: B, rest: {url: https://a.example/, "
        + ", ".join(f"z{number}: 1" for number in range(300))
        + "}}\n  good: {description: G, rest: {url: https://a.example/, timeuot: 5}}\n",
    ],
    ids=[
        "effect",
        "credential",
        "api",
        "auth",
        "misspelt",
        "one value in two places",
        "more mistakes than are told",
    ],
)
def test_a_mistake_that_may_be_another_utilitys_too_leaves_nothing_to_call(lines: str) -> None:
    assert load(HEAD + lines + "---\n").problems
    assert served(HEAD + lines + "---\n") is None
