"""The pages for people: what they show to whom, and that nothing of a stranger's skill runs in them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from tests.browsers import HEADLESS
from tests.openapi.lab import served, tool
from tests.toy.raw import Toy, answer

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"
SKILL = f"""\
---
id: toy
name: "Toy {EVIL}"
description: "Says things {EVIL} \\u202e"
api: {{base_url: "https://toy.example"}}
utilities:
  say:
    description: "Says it {EVIL}"
    effect: read
    params:
      text: {{type: string, required: true, example: "it's {EVIL}", description: "What {EVIL}"}}
    rest: {{method: POST, url: /say, body: {{text: .params.text}}}}
  forget:
    description: Forgets
    rest: {{method: DELETE, url: /all}}
---
"""
KEYED = """\
---
id: keyed
name: Keyed
description: Needs a key
auth: {type: api_key, header: X-Key}
utilities: {go: {description: Goes, rest: {url: "https://keyed.example/go"}}}
---
"""
BROKEN = "---\nid: torn\nname: Torn\ndescription: T\nutilities: {go: {description: Go, rest: {urll: x}}}\n---\n"
TEXTS = {"toy": SKILL, "keyed": KEYED, "torn": BROKEN}
PAGES = ("/", "/docs", "/docs/docs.js", "/docs/locked.js", "/docs/pages.css", "/docs/locked.html")
TOKEN = "t0ken-of-the-server"


@pytest.fixture(scope="module")
def toy() -> Iterator[Toy]:
    with Toy(answer(body=json.dumps({"said": f"you {EVIL}"}).encode())) as made:
        yield made


@pytest.fixture(scope="module")
def client(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    rewrite = {"https://toy.example": toy.origin}
    with served(tmp_path_factory.mktemp("pages"), TEXTS, rewrite=rewrite) as made:
        yield made


@pytest.fixture(scope="module")
def locked(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    rewrite = {"https://toy.example": toy.origin}
    with served(tmp_path_factory.mktemp("locked"), TEXTS, rewrite=rewrite, token=TOKEN) as made:
        yield made


def test_curl_is_told_what_runs_here_and_a_call_that_works(client: httpx.Client) -> None:
    told = client.get("/")
    assert told.headers["content-type"] == "text/plain; charset=utf-8"
    assert "3 skills:" in told.text
    assert "Needs a key  (needs a key: agentos keys set keyed)" in told.text
    assert "(broken: agentos check torn)" in told.text
    for path in ("/docs", "/openapi.json", "/mcp", "/api/activity", "/metrics", "/console/"):
        assert f"{client.base_url}".rstrip("/") + path in told.text
    call = re.search(r"curl '?(\S+?)'? -H 'X-Agent: me' --json '(.*)'\n", told.text)
    assert call is not None
    params = json.loads(call[2].replace("'\"'\"'", "'"))
    assert client.post(call[1], json=params).json() == {"said": f"you {EVIL}"}


def test_a_browser_gets_a_page_in_which_everything_of_a_skill_is_text(client: httpx.Client) -> None:
    page = client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in page.text
    assert re.findall(r"<(script|img)\b", page.text) == []
    assert "\u202e" not in page.text


@pytest.mark.parametrize("path", PAGES)
def test_pages_forbid_all_that_is_not_their_own(client: httpx.Client, path: str) -> None:
    page = client.get(path)
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert (page.status_code, policy["default-src"], policy["frame-ancestors"]) == (200, "'none'", "'none'")
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
def test_pages_without_data_need_no_token(locked: httpx.Client, path: str) -> None:
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer agentos_unknown"}):
        for accept in ("text/html", "*/*"):
            page = locked.get(path, headers={"Accept": accept, **wrong})
            assert page.status_code == 200
            assert "toy" not in page.text.lower().replace("history", "")


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/"])
def test_pages_name_nothing_but_what_lies_behind_the_same_prefix_of_a_proxy(
    client: httpx.Client, locked: httpx.Client, path: str
) -> None:
    for server in (client, locked):
        page = server.get(path, headers={"Accept": "text/html"}).text
        named = {urljoin(f"/behind/a/proxy{path}", each) for each in re.findall(r'(?:href|src)="([^"]+)"', page)}
        assert {each for each in named if not each.startswith("/behind/a/proxy/")} == set()
        for each in named:
            found = server.get(each.removeprefix("/behind/a/proxy"), headers={"Authorization": f"Bearer {TOKEN}"})
            assert found.status_code in (200, 405), each  # /mcp answers no GET
    for script in ("docs.js", "locked.js"):
        assert re.findall(r"fetch\((.*?),", client.get(f"/docs/{script}").text) in (["at(path)"], ["ROOT"])


def test_with_the_token_the_start_tells_everything(locked: httpx.Client) -> None:
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert "3 skills:" in locked.get("/", headers=right).text
    assert "send it as Authorization" in locked.get("/").text


def test_what_lies_below_the_pages_is_not_open(locked: httpx.Client) -> None:
    for path in (
        "/docs/x",
        "/docs/docs.js/x",
        "/docs%2Fdocs.js",
        "/openapi.json",
        "/docs/%2e%2e/api/skills",
    ):
        assert locked.get(path).status_code in (401, 404)
    assert locked.get("/docs/front.py", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 404


def browse(client: httpx.Client, token: str = "") -> Any:
    if HEADLESS is None:
        pytest.skip("no chromium is installed")
    done = tool(
        "python",
        Path(__file__).parent / "programs" / "browse.py",
        str(client.base_url).rstrip("/"),
        token,
        HEADLESS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_in_a_browser_a_call_can_be_tried_and_no_strangers_text_does_anything(client: httpx.Client) -> None:
    found = browse(client)
    assert found["told"] == []
    assert "Says it <img" in found["shown"]
    assert '\'{"text":"ahoj <b>"}\'' in found["curl"]
    assert json.loads(found["reply"].partition("\n")[2]) == {"said": f"you {EVIL}"}


@pytest.mark.slow
def test_in_a_browser_the_token_is_asked_for_and_kept_nowhere(locked: httpx.Client) -> None:
    found = browse(locked, TOKEN)
    assert "asks for a token" in found["locked"]
    assert "3 skills:" in found["front"]
    assert found["reply"].startswith("200")
    assert found["stored"] == [0, 0, ""]
    assert TOKEN not in found["curl"]
    assert [told for told in found["told"] if "401" not in told] == []
