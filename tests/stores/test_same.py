"""The same script over files and over a database: every surface shows the same."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.limits.shared import set_rules
from agentos_runtime.storage.files import with_database
from tests.cli.console import Console
from tests.clients import NO_TLS
from tests.end_to_end.house import House
from tests.limits.support import KEY, ORIGIN, priced, write_skill
from tests.server.server import running
from tests.stores.test_replicas import BEARER, OPERATOR
from tests.stores.test_sealed import K1
from tests.toy.raw import Toy, answer

pytestmark = pytest.mark.postgres
LIMITS = {
    "default": {"calls_per_minute": 500},
    "agents": {
        "tester": {"cost_per_day": 1.0, "calls_per_minute": 100},
        "asks": {"ask_person": ["toy/ask"]},
        "once": {"calls_per_minute": 1},
    },
    "total": {"tokens_per_week": 100_000},
}
SETTINGS: dict[str, Any] = {"idempotency": {"enabled": True}, "operator_token": OPERATOR, "master_key": K1}
DIFFERS = {
    "id",
    "request_id",
    "started_at",
    "duration_ms",
    "upstream_ms",
    "cursor",
    "next_cursor",
    "token",
    "resets_at",
    "stopped_at",
    "added_at",
    "set_at",
    "since",
    "approved_at",
    "refused_at",
    "asked_at",
    "expires_at",
    "decided_at",
    "uptime_seconds",
    "p50_ms",
    "p95_ms",
    "url",
    "retry_after",
    "home",
    "pid",
    "at",
    "waited_ms",
    "retry-after",
    "agentos/duration_ms",
    "agentos/request_id",
}
"""What is another each time."""
TOLD = ("x-content", "x-ignored", "idempotency", "retry")
"""How the headers begin that are compared."""
PLACES = {"file", "source"}
"""Where it stands is what differs."""
OPERATOR_READS = ("/limits", "/agents", "/approvals", "/approvals/toy", "/credentials", "/attention")
QUERIES = (
    "",
    "?limit=2",
    "?agent=tester",
    "?outcome=error",
    "?skill=toy&utility=ask",
    "?since=1h",
    "?until=1h",
    "?code=budget_exceeded",
    "?agent=nobody",
    "?limit=0",
    "?since=never",
    "?unknown=1",
    "?cursor=x",
)
SUMS = (
    "",
    "?by=agent",
    "?by=agent,utility",
    "?by=model",
    "?by=day",
    "?by=skill&latency=true",
    "?by=nothing",
    "?by=agent&since=7d",
)
COMMANDS = (
    ("activity", "--json"),
    ("activity", "--agent", "tester", "--json"),
    ("usage", "--json"),
    ("usage", "--by", "utility"),
    ("agents", "list", "--json"),
    ("agents", "list"),
    ("approvals", "--json"),
    ("keys", "list", "--json"),
    ("waiting", "--json"),
    ("use", "status"),
    ("activity", "--outcome", "nothing"),
)


@contextlib.contextmanager
def served(folder: Path, toy: Toy, database: str | None) -> Iterator[House]:
    write_skill(folder / "skills", ORIGIN)
    given = with_database(
        Settings(
            home=folder / "home",
            skills=(folder / "skills",),
            only_skills=True,
            rewrite={ORIGIN: toy.origin},
            database=database,
            limits={} if database else LIMITS,
            **SETTINGS,
        )
    )
    with contextlib.ExitStack() as stack:
        if database:
            stack.callback(given.documents.side.close)
            set_rules(given.documents, LIMITS)
        else:
            (folder / "home").mkdir(mode=0o700)
            (folder / "home" / "config.toml").write_text(toml(LIMITS))
        shown = {name: getattr(given, name) for name in ("home", "database", "documents", "operator_token")}
        server = stack.enter_context(running(lambda: open_runtime(given, {"TOY_API_KEY": KEY}), **shown))
        client = stack.enter_context(httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS))
        yield House(server, client, folder / "home", folder / "skills")


def toml(limits: dict[str, Any]) -> str:
    tables = {"default": limits["default"], "total": limits["total"]}
    tables |= {f"agents.{name}": table for name, table in limits["agents"].items()}
    return "\n".join(
        f"[limits.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


def told(house: House) -> dict[str, Any]:
    """What every surface says after the same calls."""
    found: dict[str, Any] = {}

    def note(name: str, response: httpx.Response) -> Any:
        body = response.content
        with contextlib.suppress(ValueError):
            body = response.json()
        headers = {key: value for key, value in response.headers.items() if key.startswith(TOLD)}
        found[name] = (response.status_code, headers, body)
        return body

    for number, (utility, params, headers) in enumerate(CALLS):
        note(f"call {number} {utility} {headers}", house.call("toy", utility, params, **headers))
    waiting = note("waiting", house.client.get("/api/waiting", headers=BEARER))
    for each in waiting["waiting"]:
        note("yes", house.client.post(f"/api/waiting/{each['id']}", json={"decision": "yes"}, headers=BEARER))
    note("asked again", house.call("toy", "ask", {"text": "a"}, X_Agent="asks"))
    for path in QUERIES:
        note(f"activity {path}", house.client.get(f"/api/activity{path}", headers=BEARER))
    for path in SUMS:
        note(f"usage {path}", house.client.get(f"/api/usage{path}", headers=BEARER))
    note("own rows", house.client.get("/api/activity", headers={"X-Agent": "once"}))
    cursor, pages = "", []
    while cursor is not None:
        page = house.client.get(f"/api/activity?limit=3{cursor and f'&cursor={cursor}'}", headers=BEARER).json()
        pages.append(page["rows"])
        cursor = page["next_cursor"]
    found["pages"] = pages
    for method, path, body in CHANGES:
        note(f"{method} {path}", house.client.request(method, f"/api/operator{path}", json=body, headers=BEARER))
    for path in OPERATOR_READS:
        note(f"operator {path}", house.client.get(f"/api/operator{path}", headers=BEARER))
    for method, params in (("tools/list", {}), ("tools/call", {"name": "toy_ask", "arguments": {"text": "b"}})):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        note(f"mcp {method}", house.client.post("/mcp", json=message, headers=MCP | {"X-Agent": "tools"}))
    note("health", house.client.get("/api/health", headers=BEARER))
    return found


PAGES = (
    *("", "waiting", "skills", "skills/toy", "activity", "activity?outcome=error", "activity?agent=once", "usage"),
    *("usage?by=agent", "keys", "agents", "agents/tester", "agents/bound", "nowhere"),
)
CALLS: tuple[tuple[str, Any, dict[str, str]], ...] = (
    ("ask", {"text": "a"}, {}),
    ("ask", {"text": "b"}, {"Idempotency_Key": "key"}),
    ("ask", {"text": "b"}, {"Idempotency_Key": "key"}),
    ("ask", {"text": "c"}, {"Idempotency_Key": "key"}),
    ("ask", {"text": 1}, {}),
    ("nothing", {}, {}),
    ("free", {}, {}),
    ("fetch", {}, {"X_Agent": "once"}),
    ("fetch", {}, {"X_Agent": "once"}),
    ("ask", {"text": "d"}, {}),
    ("ask", {"text": "e"}, {}),
    ("ask", {"text": "f"}, {}),
    ("ask", {"text": "a"}, {"X_Agent": "asks", "Prefer": "respond-async"}),
    ("ask", {"text": "z"}, {"X_Agent": "other"}),
)
STATUSES = [200, 200, 200, 400, 400, 404, 200, 200, 429, 200, 402, 402, 202, 429]
SCRIPT = (
    priced(0.25),
    priced(0.25),
    answer(body=b"{}"),
    answer(body=b"\0"),
    priced(0.5),
    answer(429),
    priced(0.1),
)
"""What the service answers, call by call."""
CHANGES: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/agents", {"agent": "bound"}),
    ("POST", "/agents/bound/stop", {}),
    ("POST", "/agents/bad name /stop", {}),
    ("DELETE", "/agents/nobody", None),
    ("DELETE", "/agents/nobody/stop", None),
)
MCP = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}


TIMES = re.compile(
    r"\d{4}-\d\d-\d\d[T ]?[\d:.]*Z?|wait_\w+|\d+(\.\d+)? (ms|s|h|min|minutes?|hours?|seconds?)\b|in \d+ \w+"
)


IDS = re.compile(
    r"(?<=data-id=\")\d+|(?<=data-newest=\")\d+|(?<=activity/)\d+|(?<=Row</dt><dd>)\d+"
    r"|req_\w+|(?<=Stored in <code>)[^<]+"
)
"""In pages: numbers of rows, and where keys stand."""
CLOCK = re.compile(r"\d+ \w{3} \d{4} [\d:.]+ UTC|\d\d:\d\d(:\d\d)?(\.\d+)?")


def normal(value: Any, places: dict[str, str]) -> Any:
    """Without what is another each time, and without where it stands."""
    if isinstance(value, dict):
        return {
            key: "-" if (key in DIFFERS and each is not None) or key in PLACES else normal(each, places)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [normal(each, places) for each in value]
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        for text, name in places.items():
            value = value.replace(text, name)
        value = TIMES.sub("-", value)
    return value


@pytest.mark.slow
def test_files_and_a_database_are_the_same_on_every_surface(tmp_path: Path, database: str) -> None:
    files = shown_over(tmp_path / "files", None)
    assert [files[name][0] for name in files if name.startswith("call ")] == STATUSES
    assert [*differences("", files, shown_over(tmp_path / "database", database))] == []


def shown_over(folder: Path, database: str | None) -> dict[str, Any]:
    """What every surface shows over files, or over a database."""
    with Toy(*SCRIPT) as toy, served(folder, toy, database) as house:
        said = told(house)
        console = Console(folder / "home", folder / "skills")
        console.environ |= {"AGENTOS_MASTER_KEY": K1, "AGENTOS_OPERATOR_TOKEN": OPERATOR}
        console.environ |= {"AGENTOS_DATABASE": database} if database else {}
        for command in COMMANDS:
            done = console.run(*command)
            out: Any = done.out
            with contextlib.suppress(ValueError):
                out = done.json
            said[" ".join(command)] = (done.code, out, done.err)
        said |= pages_of(house, console)
        port = str(house.server.port)
        places = {str(folder): "FOLDER", house.server.url: "SERVER", toy.origin: "TOY", port: "PORT"}
        return {name: normal(each, places) for name, each in said.items()}


def pages_of(house: House, console: Console) -> dict[str, Any]:
    """What the console shows to a browser that was let in by a link."""
    link = console.run("console", "--print", "--json", AGENTOS_PORT=str(house.server.port))
    ticket = link.json["url"].rpartition("#")[2]
    key = house.client.post("/console/session", json={"ticket": ticket}).json()["key"]
    headers = {"Accept": "text/x-fragment", "X-Console-Key": key}
    rows = house.client.get("/api/activity", headers=BEARER).json()["rows"]
    of_rows = {"activity/newest": rows[0]["id"], "activity/oldest": rows[-1]["id"]}
    places = {path: path for path in PAGES} | {name: f"activity/{number}" for name, number in of_rows.items()}
    shown = {name: house.client.get(f"/console/{path}", headers=headers) for name, path in places.items()}
    assert [path for path, page in shown.items() if page.status_code != 200] == ["nowhere"]
    return {f"page {path}": IDS.sub("-", CLOCK.sub("-", page.text)).splitlines() for path, page in shown.items()}


def differences(place: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each leaf in which they differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from differences(f"{place}/{key}", one.get(key), other.get(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(f"{place}/{number}", left, right)
    elif one != other:
        yield place, one, other
