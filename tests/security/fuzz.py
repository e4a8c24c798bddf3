"""Inputs without end, from seeds: `python -m tests.security.fuzz [SECONDS] [--target NAME] [--seed N]`.

Each target opens a world once and tries one input per seed in it. What must not happen raises, and the run ends
with the command that repeats it.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import jsonschema

from agentos_runtime import jsontext
from agentos_runtime.calls.requests.given import check_params
from agentos_runtime.diagnostics import Problem
from agentos_runtime.errors import InvalidParams
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.jq.program import reply_program, request_program, stream_program
from agentos_runtime.manifest.model import Utility
from agentos_runtime.manifest.origins import declared_origin
from agentos_runtime.resources import skills_folder
from tests.end_to_end.house import House, events_of, house
from tests.jq.support import check
from tests.manifest.loading import load_bytes
from tests.reading import read_yaml
from tests.security.fuzz_echoes import echoes
from tests.security.generators import http_request, mutated_bytes, mutated_value, program, valid
from tests.security.lab import CODES, is_stream
from tests.security.support import until
from tests.toy.raw import Exchange, Toy, cut, render, render_chunks

Try: TypeAlias = Callable[[random.Random], None]
World: TypeAlias = Callable[[], contextlib.AbstractContextManager[Try]]
KEY = "sk-fuzz-canary-11c7a0e95d"


# ------------------------------------------------------------------ manifests


def bundled() -> dict[str, bytes]:
    return {file.parent.name: file.read_bytes() for file in sorted(skills_folder().glob("*/readme.md"))}


@contextlib.contextmanager
def manifest_bytes() -> Iterator[Try]:
    """Skill files with wrong bytes: a skill or problems with places, soon."""
    texts = list(bundled().values())
    yield lambda dice: load_soundly(mutated_bytes(dice.choice(texts), dice))


@contextlib.contextmanager
def manifest_grammar() -> Iterator[Try]:
    """Skill files whose values are exchanged."""

    def attempt(dice: random.Random) -> None:
        front = json.dumps(mutated_value(DOCUMENT, dice))
        load_soundly(f"---\n{front}\n---\n# Text\n".encode("utf-8", "replace"))

    yield attempt


def load_soundly(data: bytes) -> None:
    started = time.process_time()
    result = load_bytes(data)
    spent = time.process_time() - started
    assert spent < 5 * (0.05 + 0.002 * len(data) / 1024), f"took {spent:.2f} s for {len(data)} bytes"
    assert (result.skill is None) == bool(result.problems)
    lines = data.count(b"\n") + data.count(b"\r") + 2
    for problem in (*result.problems, *(result.skill.warnings if result.skill else ())):
        position = problem.place.position
        assert isinstance(problem, Problem)
        assert 1 <= position.line <= lines, problem
        assert position.column >= 1, problem


DOCUMENT: Mapping[str, Any] = read_yaml("""
id: demo
name: Demo
description: x
icon: icon.svg
platforms: [linux]
domains: [a.example]
auth: {type: api_key, header: Authorization, prefix: "Bearer ", help_url: "https://a.example"}
api: {base_url: "https://api.example.com"}
definitions: {shout: ascii_upcase, "twice(f)": "f | f"}
settings: {title: {default: x, description: y}}
connects_to: [a]
utilities:
  chat:
    description: x
    returns: {content: {type: string}}
    web_url: "https://a.example/{model}"
    params:
      model: {type: string, required: true}
      extra: {type: object, properties: {a: {}}}
    rest:
      method: POST
      url: "/x/{model}"
      headers: {X-A: b}
      query: {a: [1], b: .params.model}
      body: {a: .params.model, b: [shout, {c: $x}]}
      body_extra: .params.extra
      keep_null: [a]
      encoding: json
      timeout: 5
      retry: {attempts: 2}
      response: {error: .error, root: /a, transform: ., mapping: {content: .content}}
      stream: {delta: ., body: {stream: true}, format: sse, done: "[DONE]"}
  list: {description: y, returns: array, rest: {url: "https://b.example/y", query: .params}}
""")


# ------------------------------------------------------------------ expressions and params


@contextlib.contextmanager
def programs() -> Iterator[Try]:
    """jq from a stranger: the worker's environment holds nothing, and the next program runs."""
    with asyncio.Runner() as runner:
        pool = runner.run(WorkerPool().__aenter__())

        def attempt(dice: random.Random) -> None:
            source, definitions = program(dice), program(dice) if dice.random() < 0.3 else ""
            data = jsontext.dump({"params": {}, "body": {}, "whole": {}, "events": [{}]})
            made = (
                request_program(definitions, [source, "1"]),
                reply_program(definitions, source, source, [source]),
                stream_program(definitions, source, None, None),
            )
            said = [repr(runner.run(pool.run(dice.choice(made), data))), repr(runner.run(check(pool, source)))]
            assert not [text for text in said for word in HIDDEN if word in text], source
            assert runner.run(pool.run(request_program("", ["1"]), b"{}")).outputs == [[1]], source

        try:
            yield attempt
        finally:
            runner.run(pool.__aexit__(None, None, None))


HIDDEN = ("PATH", "root:x:0", "/usr/")
"""What stands in every environment and in every /etc/passwd."""


@contextlib.contextmanager
def params() -> Iterator[Try]:
    """Params by their published schema: what it accepts is accepted, what it refuses is refused in words."""
    skills = [skill for text in bundled().values() if (skill := load_bytes(text).skill)]
    utilities = [utility for skill in skills for utility in skill.utilities.values()]

    def attempt(dice: random.Random) -> None:
        utility = dice.choice(utilities)
        given = valid(utility.params, dice)
        wrong = mutated_value(given, dice) if dice.random() < 0.5 else given
        if not isinstance(wrong, dict):
            return
        declared: Any = utility.params["properties"]
        said = {name: each for name, each in wrong.items() if each is not None or name not in declared}
        fits = not [*jsonschema.Draft202012Validator(dict(utility.params)).iter_errors(said)]
        assert fits or wrong is not given, f"{utility.name}: the generator made {given!r}"
        assert accepted(utility, wrong) == fits, f"{utility.name}: {wrong!r} fits its schema: {fits}"

    yield attempt


def accepted(utility: Utility, given: dict[str, Any]) -> bool:
    try:
        check_params(utility, given)
    except InvalidParams as refused:
        return not refused.problems
    return True


# ------------------------------------------------------------------ a whole server


class Upstreams:
    """Plays every upstream with the die of the moment: a case's answer, changed; or what is no answer at all."""

    def __init__(self) -> None:
        self.dice = random.Random(0)
        self.response: Mapping[str, Any] = {}

    def __call__(self, exchange: Exchange) -> None:
        dice, response = self.dice, self.response
        answer = event_stream(response, dice) if is_stream(exchange.request) else plain_answer(response, dice)
        if dice.random() < 0.15:
            cut(mutated_bytes(answer, dice))(exchange)
        exchange.send(answer)
        exchange.close()


STATUSES = (200, 201, 204, 302, 400, 404, 429, 500, 529)


def plain_answer(response: Mapping[str, Any], dice: random.Random) -> bytes:
    body = mutated_value(response.get("body", {"data": []}), dice)
    status = (
        response.get("status", 200)
        if dice.random() < 0.8
        else dice.choice((200, 201, 204, 302, 400, 404, 429, 500, 529))
    )
    headers = [("Content-Type", "application/json"), ("Retry-After", str(dice.randrange(-2, 99)))]
    return render(status, json.dumps(body).encode(), headers)


def event_stream(response: Mapping[str, Any], dice: random.Random) -> bytes:
    """The case's events, changed, in pieces of any length; named events and lines of JSON alike."""
    events = response.get("events") or [response.get("body", {})]
    texts = [mutated_value(event, dice) if dice.random() < 0.4 else event for event in events]
    if dice.random() < 0.2:
        dice.shuffle(texts)
    lines = b"".join(one_event(each, dice) for each in texts)
    pieces = [lines[start : start + 97] for start in range(0, len(lines), 97)]
    return render_chunks(pieces, headers=[("Content-Type", "text/event-stream")], end=dice.random() < 0.9)


FRAMES = ("data: {}\n\n", "data: {}\n\n", "{}\n", ": x\n\ndata:{}\r\n\r\n", "event: x\ndata: {}\n\n")


def one_event(event: Any, dice: random.Random) -> bytes:
    data = event if isinstance(event, str) else json.dumps(event)
    return dice.choice(FRAMES).replace("{}", data).encode("utf-8", "replace")


def cases() -> list[tuple[str, Mapping[str, Any]]]:
    """Every case of the bundled skills, with its skill's id."""
    files = sorted(skills_folder().glob("*/cases/*.yaml"))
    return [(file.parent.parent.name, read_yaml(file.read_bytes())) for file in files]


@contextlib.contextmanager
def served() -> Iterator[tuple[House, Upstreams]]:
    """All bundled skills in one server, in front of upstreams that answer anything."""
    skills = [skill for text in bundled().values() if (skill := load_bytes(text).skill)]
    origins = {declared_origin(utility.rest.url) for skill in skills for utility in skill.utilities.values()}
    environ = {f"{name.upper().replace('-', '_')}_API_KEY": KEY for name in bundled()}
    upstreams = Upstreams()
    with (
        tempfile.TemporaryDirectory() as folder,
        Toy(upstreams) as toy,
        house(
            Path(folder),
            skills=skills_folder(),
            rewrite={origin: toy.origin for origin in origins if origin},
            environ=environ | {"OPENROUTER_MANAGEMENT_KEY": KEY},
            max_reply=1 << 20,
        ) as running,
    ):
        yield running, upstreams
        assert until(lambda: running.client.get("/api/activity?outcome=started").json()["rows"] == [])


@contextlib.contextmanager
def replies() -> Iterator[Try]:
    """Anything that an upstream may send to any utility of any bundled skill."""
    known = cases()
    with served() as (running, upstreams):

        def attempt(dice: random.Random) -> None:
            skill, case = dice.choice(known)
            upstreams.dice, upstreams.response = dice, case.get("response", {})
            url = f"/api/skills/{skill}/{case['utility']}"
            schema = running.client.get(url).json()
            params = case.get("params", {}) if dice.random() < 0.7 else valid(schema["params"], dice)
            if schema["streams"] and dice.random() < 0.5:
                params = {**params, "stream": True}
            sent = json.dumps(params).encode()
            answer = running.client.post(url, content=sent, headers={"Content-Type": "application/json"})
            assert KEY not in answer.text
            if answer.headers["content-type"].startswith("text/event-stream"):
                ended_once(events_of(answer.text))
            elif answer.status_code == 200:
                fits(answer, schema)
            else:
                typed(answer.json())

        yield attempt


def ended_once(events: list[tuple[str, Any]]) -> None:
    terminal = [index for index, (name, _) in enumerate(events) if name in ("done", "error")]
    assert terminal == [len(events) - 1], [name for name, _ in events]
    if events[-1][0] == "error":
        typed(events[-1][1])


def fits(answer: httpx.Response, utility: Mapping[str, Any]) -> None:
    if utility["returns"] and not utility["raw"]:
        jsonschema.validate(answer.json(), utility["returns"])


def typed(body: Mapping[str, Any]) -> None:
    """An error of the contract, and none that is our own fault."""
    assert isinstance(body["error"], str)
    assert body["code"] in CODES - {"internal_error"}, body
    assert body["request_id"]


@contextlib.contextmanager
def requests() -> Iterator[Try]:
    """HTTP from anybody: an answer of the contract or a closed connection, and the server goes on."""
    with served() as (running, upstreams):
        names = [entry["id"] for entry in running.client.get("/api/skills").json()["skills"]]
        paths = ["/", "/api/health", "/api/skills", "/api/activity", "/api/usage", "/metrics", "*", "http://x/"]
        paths += [
            f"/api/skills/{name}{end}" for name in names for end in ("", "/chat", "/icon", "/%2e%2e", "/models")
        ]
        port = running.server.port

        def attempt(dice: random.Random) -> None:
            upstreams.dice, upstreams.response = dice, {}
            request = http_request(dice, port, paths)
            status, body = first_answer(port, request)
            if status is not None and status >= 400 and body:
                typed(json.loads(body))
            assert status is None or 100 <= status < 500 or status in (502, 503, 504), (status, body)
            assert KEY.encode() not in body

        yield attempt
        assert running.client.get("/api/health").json()["status"] == "ok"


def first_answer(port: int, request: bytes) -> tuple[int | None, bytes]:
    """The first answer's status and body; None when the connection was closed without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        with contextlib.suppress(OSError):
            wire.sendall(request)
            wire.shutdown(socket.SHUT_WR)
        with HTTPResponse(wire, method=request.partition(b" ")[0].decode("latin-1")) as response:
            try:
                response.begin()
                return response.status, response.read()
            except (HTTPException, ConnectionError):
                return None, b""


# ------------------------------------------------------------------ running


TARGETS: Mapping[str, World] = {
    "manifest-bytes": manifest_bytes,
    "manifest-grammar": manifest_grammar,
    "programs": programs,
    "params": params,
    "replies": replies,
    "requests": requests,
    "echoes": echoes,
}


class Found(Exception):
    """An input that does what must not happen."""

    def __init__(self, target: str, seed: int) -> None:
        super().__init__(f"scripts/fuzz --target {target} --seed {seed}")


def fuzz(target: str, seeds: Iterable[int], seconds: float = float("inf")) -> int:
    """Try one input per seed; gives how many there were. Raises Found."""
    deadline, count = time.monotonic() + seconds, 0
    with TARGETS[target]() as attempt:
        for seed in seeds:
            if time.monotonic() > deadline:
                break
            try:
                attempt(random.Random(f"{target} {seed}"))
            except Exception as error:
                raise Found(target, seed) from error
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Try hostile inputs until the time is over.")
    parser.add_argument("seconds", nargs="?", type=float, default=60)
    parser.add_argument("--target", choices=TARGETS, action="append", help="only this; may be given several times")
    parser.add_argument("--seed", type=int, help="try this one input only; the seed that a failure printed")
    parser.add_argument(
        "--first", type=int, default=int(time.time()) * 1000, help="begin with this seed [the time]"
    )
    given = parser.parse_args()
    chosen = given.target or [*TARGETS]
    total = 0
    for target in chosen:
        seeds = itertools.count(given.first) if given.seed is None else [given.seed]
        try:
            count = fuzz(target, seeds, given.seconds / len(chosen))
        except Found as found:
            traceback.print_exception(found.__cause__)
            sys.exit(f"Found. Repeat it with: {found}")
        total += count
        print(f"{target}: {count:,} inputs", flush=True)  # noqa: T201
    print(f"{total:,} inputs, nothing found")  # noqa: T201


if __name__ == "__main__":
    main()
