"""Every fault of an upstream, on every surface: one typed error, a closed row, and the next call works."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cli.console import Console
from tests.end_to_end.house import House, events_of, house
from tests.security.lab import CODES, NOWHERE, ORIGIN, SECRET, SKILL, Lab, faults, forms
from tests.security.support import rows_of, until
from tests.security.tally import Tally
from tests.toy.raw import Toy

MB = 1 << 20
FAULTS = faults()


@dataclass(frozen=True)
class Outcome:
    """What a caller got: the code (None: a whole answer) and all that was said, headers included."""

    code: str | None
    said: str
    request_id: str | None


class Laboratory:
    """A whole server in front of the lab, and the ways to ask it."""

    def __init__(self, house: House, toy: Toy, console: Console) -> None:
        self.house = house
        self.toy = toy
        self.console = console

    def plainly(self, name: str, utility: str, number: str) -> Outcome:
        response = self.house.call("lab", utility, {"fault": name}, x_request_id=number)
        code = None if response.status_code == 200 else code_of(response.json())
        return Outcome(code, repr(response.headers) + response.text, number)

    def streamed(self, name: str, utility: str, number: str) -> Outcome:
        response = self.house.call("lab", utility, {"fault": name, "stream": True}, x_request_id=number)
        said = repr(response.headers) + response.text
        if not response.headers["content-type"].startswith("text/event-stream"):
            return Outcome(code_of(response.json()), said, number)
        events = events_of(response.text)
        assert [kind != "delta" for kind, _ in events].index(True) == len(events) - 1, (
            name,
            "one terminal event, at the end",
        )
        kind, data = events[-1]
        return Outcome(None if kind == "done" else code_of(data), said, number)

    def from_a_shell(self, name: str, utility: str, _number: str) -> Outcome:
        return self._printed("call", "lab", utility, "--json", json.dumps({"fault": name}))

    def streamed_to_a_shell(self, name: str, utility: str, _number: str) -> Outcome:
        return self._printed("call", "lab", utility, "--stream", "--jsonl", "--json", json.dumps({"fault": name}))

    def _printed(self, *words: str) -> Outcome:
        done = self.console.run(*words)
        if done.code == 0:
            return Outcome(None, done.out + done.err, None)
        body = json.loads((done.err or done.out).splitlines()[-1])
        error = body.get("data", body)
        return Outcome(code_of(error), done.out + done.err, error["request_id"])

    def tasks(self) -> int:
        """Tasks that the server has under way."""
        return len(asyncio.all_tasks(self.house.server.loop))


def code_of(body: Mapping[str, Any]) -> str:
    """The code of an error body, which has the shape of the contract."""
    assert isinstance(body["error"], str)
    assert body["error"]
    assert body["code"] in CODES
    return str(body["code"])


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "skills").mkdir()
    (folder / "skills" / "lab.md").write_text(SKILL)
    with Toy(Lab(FAULTS)) as toy:
        rewrite = {ORIGIN: toy.origin, NOWHERE: "http://127.0.0.1:1"}
        with house(folder, rewrite=rewrite, environ={"LAB_API_KEY": SECRET}, max_reply=MB) as running:
            console = Console(running.home, running.skills)
            console.environ["AGENTOS_PORT"] = str(running.server.port)
            yield Laboratory(running, toy, console)


@dataclass(frozen=True)
class Surface:
    """A way to ask; whether it is a stream's; and how many may ask at once."""

    ask: Callable[[Laboratory, str, str, str], Outcome]
    streams: bool
    at_once: int = 8


SURFACES: Mapping[str, Surface] = {
    "HTTP": Surface(Laboratory.plainly, streams=False),
    "HTTP stream": Surface(Laboratory.streamed, streams=True),
    "shell": Surface(Laboratory.from_a_shell, streams=False, at_once=1),
    "shell stream": Surface(Laboratory.streamed_to_a_shell, streams=True, at_once=1),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SURFACES)
def test_every_fault_is_one_typed_error_a_closed_row_and_the_next_call_works(
    laboratory: Laboratory, name: str, tally: Tally
) -> None:
    surface = SURFACES[name]
    before = laboratory.tasks()

    def survive(each: str) -> Outcome:
        outcome = surface.ask(laboratory, each, FAULTS[each].utility, f"r{next(NUMBERS)}")
        if surface.at_once > 1 or each == chosen[-1]:
            after = surface.ask(laboratory, "well", "ask", f"r{next(NUMBERS)}")
            assert after.code is None, (each, after)
        return outcome

    chosen = [each for each in FAULTS if not surface.streams or FAULTS[each].utility != "bytes"]
    with ThreadPoolExecutor(surface.at_once) as pool:
        outcomes = dict(zip(chosen, pool.map(survive, chosen), strict=True))
    rows = rows_of(laboratory.house.client)
    wrong = [problem for each in chosen for problem in problems(surface, each, outcomes[each], rows)]
    assert not wrong, "\n".join(wrong)
    assert {row["outcome"] for row in rows.values()} <= {"ok", "error"}
    assert until(lambda: laboratory.tasks() <= before), "every call's tasks have ended"
    tally.add("upstream faults", len(chosen))


NUMBERS = itertools.count()


def problems(surface: Surface, name: str, outcome: Outcome, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with what came of a fault."""
    code, said = outcome.code, outcome.said
    expected = FAULTS[name].stream_codes if surface.streams else FAULTS[name].codes
    if code not in expected and "any" not in expected:
        yield f"{name}: {code} instead of {expected}: {said[-300:]}"
    yield from (f"{name}: says the key as {form!r}: {said}" for form in forms(SECRET) if form in said)
    if outcome.request_id is not None:
        row = rows.get(outcome.request_id, {})
        kept = (row.get("outcome"), row.get("code"))
        if kept != ("error" if code else "ok", code):
            yield f"{name}: {code} is in the ledger as {kept}"


def test_explaining_a_call_shows_no_key_that_the_upstream_repeats(laboratory: Laboratory) -> None:
    """The stages of a call hold more than its reply: headers, the whole body, each event."""
    environ = {"LAB_API_KEY": SECRET, "AGENTOS_REWRITE": f"{ORIGIN}={laboratory.toy.origin}"}
    for name in ("echo 200 seen", "echo 400 seen", "echo 500 ask"):
        for more in ((), ("--stream",), ("--jsonl",), ("--dry-run",)):
            params = json.dumps({"fault": name})
            words = ("call", "lab", FAULTS[name].utility, "--explain", *more, "--json", params)
            done = laboratory.console.run(*(words if "--dry-run" not in more else words[:3] + words[4:]), **environ)
            assert done.code in (0, 1), done
            said = done.out + done.err
            assert not [form for form in forms(SECRET) if form in said], (name, more, said)
    assert laboratory.toy.requests[-1].header("x-key") == SECRET
