"""An upstream echoes the key on every surface and in every encoding: it leaves a call by no way out."""

import ast
import asyncio
import contextlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.calls.call import Call
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import ParamProblem, UpstreamFailure, UpstreamRejected
from agentos_runtime.runtime.results import Results
from agentos_runtime.security.credentials.redactor import REDACTED, Redactor
from agentos_runtime.security.credentials.secret import Secret
from agentos_runtime.security.credentials.store import CredentialStore, Entry
from agentos_runtime.storage.private_files import PrivateFile
from tests.end_to_end.house import House, events_of, house
from tests.language.support import ORIGIN, skill_text
from tests.security.echoes import ENCODED, FORMS, Encode, encode
from tests.toy.raw import Exchange, Toy, render, render_chunks

KEY = 'sk-or-v1/c+nary="q"\\&x=41%_0123456789'
DIGITS = "481516234"
SURFACES = """
utilities:
  plain: {description: x, rest: {url: /plain}}
  mapped: {description: x, rest: {url: /plain, response: {mapping: {said: '.said | tostring', all: tojson}}}}
  bytes: {description: x, rest: {url: /bytes, response: {raw: true}}}
  strict: {description: x, returns: {said: integer}, rest: {url: /plain}}
  failing: {description: x, rest: {url: /failing}}
  page: {description: x, rest: {url: /page}}
  worded: {description: x, rest: {url: /plain, response: {error: '{message: .said, code: .said, raw: .}'}}}
  meter: {description: x, rest: {url: /meter}}
  rows: {description: x, rest: {url: /rows, paginate: {style: page, items: /rows, size: 1, maximum: 9}}}
  job:
    description: x
    rest: {method: POST, url: /job, poll: {url: .at, until: .done, failed: .why, interval: 0.01, deadline: 5}}
  words: {description: x, rest: {url: /words, stream: {delta: .said, accumulate: text}}}
  items:
    description: x
    rest:
      url: /items
      stream: {delta: .said, accumulate: list, reply: '{joined: join(""), at: $response.headers["x-said"]}'}
  broken: {description: x, rest: {url: /broken, stream: {delta: .said, accumulate: list, reply: 'join("")'}}}
  whole: {description: x, rest: {url: /plain, stream: {delta: .said, accumulate: text}}}
  chat: {description: x, rest: {url: /chat, stream: {delta: .said}}}
"""
PLAIN = ("plain", "mapped", "bytes", "strict", "failing", "page", "worded", "meter", "rows", "job")
STREAMED = ("words", "items", "broken", "chat", "rows", "whole")
PARAMS: Mapping[str, tuple[dict[str, Any], ...]] = {"rows": ({"limit": 2}, {}), "job": ({}, {"wait": False})}
EVENTS = [("Content-Type", "text/event-stream")]


@dataclass
class Echo:
    """An upstream that repeats the key of the request, written as `form` writes it."""

    form: Encode = str
    as_number: bool = False
    pages: int = 2
    cut: int = 7
    """Where the texts of streams are cut."""
    meanwhile: Callable[[], None] = lambda: None
    """What happens before the first request of a call is answered."""
    seen: list[str] = field(default_factory=list)

    def __call__(self, exchange: Exchange) -> None:
        key = exchange.request.header("x-key") or ""
        self.seen.append(key)
        said = " and ".join(map(self.form, dict.fromkeys(self.seen)))
        value: Any = int(said) if self.as_number else said
        path, _, query = exchange.request.target.partition("?")
        answer: Callable[[Any, str, str], bytes] = getattr(self, f"_{path.strip('/').split('/')[0]}")
        if len(self.seen) == 1:
            self.meanwhile()
        exchange.send(answer(value, said, query))

    def _json(self, value: Any, status: int = 200) -> bytes:
        kind = ("Content-Type", "application/json")
        return render(status, json.dumps(value).encode(), [kind, ("X-Said", self._line(value))])

    def _plain(self, value: Any, said: str, query: str) -> bytes:
        return self._json({"said": value, said: [value], "deep": json.dumps({"said": value})})

    def _bytes(self, value: Any, said: str, query: str) -> bytes:
        return render(200, b"\xff\xfb" + said.encode() + b"\xff", [("Content-Type", "audio/mpeg")])

    def _page(self, value: Any, said: str, query: str) -> bytes:
        page = f"<html><title>{'so ' * 660}{said}</title>{said}</html>"
        return render(502, page.encode(), [("Content-Type", "text/html")])

    def _failing(self, value: Any, said: str, query: str) -> bytes:
        meta = {"provider_name": said, "raw": json.dumps({"error": {"message": said}})}
        return self._json({"error": {"message": f"{'so ' * 660}{said}", "code": value, "metadata": meta}}, 400)

    def _meter(self, value: Any, said: str, query: str) -> bytes:
        usage = {"prompt_tokens": value, "completion_tokens": value, "cost": value}
        # A generation is booked once: one that every call names anew says what it used in each row.
        named = f"gen-{secrets.token_hex(8)}" if self.as_number else said
        return self._json({"id": named, "model": said, "provider": said, "usage": usage})

    def _rows(self, value: Any, said: str, query: str) -> bytes:
        more = len(self.seen) < self.pages
        return self._json({"rows": [{"said": value, "n": len(self.seen)}] if more or self.pages else []})

    def _job(self, value: Any, said: str, query: str) -> bytes:
        state = len(self.seen)
        return self._json({"at": "/job/1", "said": value, "done": state == 3, "state": state})

    def _words(self, value: Any, said: str, query: str) -> bytes:
        return self._texts(value, [said[: self.cut], said[self.cut :], "."])

    def _items(self, value: Any, said: str, query: str) -> bytes:
        return self._texts(value, ["so ", said, "."])

    def _texts(self, value: Any, parts: list[str]) -> bytes:
        texts = [f"data: {json.dumps({'said': part})}\n\n".encode() for part in parts]
        return render_chunks(texts, 200, [*EVENTS, ("X-Said", self._line(value))])

    def _broken(self, value: Any, said: str, query: str) -> bytes:
        texts = [f"data: {json.dumps({'said': part})}\n\n".encode() for part in ("so ", said, ".")]
        failure = {"error": {"message": said, "code": 502, "metadata": {"raw": said}}}
        return render_chunks([*texts, f"data: {json.dumps(failure)}\n\n".encode()], 200, EVENTS)

    def _chat(self, value: Any, said: str, query: str) -> bytes:
        call = {"index": 0, "id": said, "name": "f", "input_json": said[: self.cut]}
        rest = {"index": 0, "input_json": said[self.cut :]}
        deltas = [
            {"content": said[: self.cut], "model": said, "tool_calls": [call], "reasoning": said},
            {"content": said[self.cut :], "tool_calls": [rest], "annotations": [{said: value}]},
            {"content": ".", "finish_reason": "stop", "usage": {"input_tokens": value, "cost": 0.1}},
        ]
        return render_chunks([f"data: {json.dumps({'said': d})}\n\n".encode() for d in deltas], 200, EVENTS)

    def _line(self, value: Any) -> str:
        text = str(value)
        return text if text.isascii() and text.isprintable() else "no line"


@dataclass
class World:
    """A server, the upstream, and everything that has left the server."""

    house: House
    echo: Echo
    store: CredentialStore
    origin: str

    def says(self, form: Encode, **more: Any) -> None:
        self.echo.__init__(form, **more)  # type: ignore[misc]

    def key(self, text: str) -> None:
        entry = Entry("demo", "default", {"key": Secret(text)}, frozenset(), "2026-01-01T00:00:00Z")
        self.store.put(entry)

    def call(self, utility: str, params: Any = None, *, streamed: bool = False) -> httpx.Response:
        self.echo.seen.clear()
        params = {**(params or {}), **({"stream": True} if streamed else {})}
        return self.house.call("demo", utility, params, idempotency_key=os.urandom(8).hex())

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """What leaves the server by all ways at once, by the way's name."""
        for utility in PLAIN:
            for params in PARAMS.get(utility, ({},)):
                response = self.call(utility, params)
                yield f"{utility} {params}", response.content + str(response.headers).encode()
        for utility in STREAMED:
            response = self.call(utility, {"limit": 2} if utility == "rows" else {}, streamed=True)
            yield f"{utility}, streamed", response.content + str(response.headers).encode()
            yield f"{utility}, streamed and added up", joined(response.text)
        yield from self.kept()

    def kept(self) -> Iterator[tuple[str, bytes]]:
        """What the server goes on to tell of its calls, and what it has on its disk but for the key itself."""
        for path in ("/api/activity?limit=200", "/api/usage", "/metrics", "/api/health"):
            yield path, self.house.client.get(path).content
        for file in self.house.home.iterdir():
            if file.is_file() and file.name != "credentials.json":
                yield file.name, file.read_bytes()


def joined(text: str) -> bytes:
    """The texts of a stream's deltas as a client adds them up."""
    datas = [data for name, data in events_of(text) if name == "delta"] if text.startswith("event:") else []
    texts: dict[str, list[str]] = {}
    for data in datas:
        gather(data, "", texts)
    return "\n".join("".join(parts) for parts in texts.values()).encode("utf-8", "surrogatepass")


def gather(value: Any, place: str, texts: dict[str, list[str]]) -> None:
    if isinstance(value, str):
        texts.setdefault(place, []).append(value)
    elif isinstance(value, list | dict):
        pairs = value.items() if isinstance(value, dict) else [(0, item) for item in value]
        for name, item in pairs:
            gather(item, f"{place}/{name}", texts)


@contextlib.contextmanager
def world(folder: Path, key: str = KEY) -> Iterator[World]:
    skills = folder / "skills"
    skills.mkdir(parents=True)
    (skills / "demo.md").write_text(skill_text(SURFACES, key=True), encoding="utf-8")
    echo = Echo()
    (folder / "home").mkdir(mode=0o700)
    store = CredentialStore(PrivateFile(folder / "home" / "credentials.json"))
    with (
        Toy(echo) as toy,
        house(folder, rewrite={ORIGIN: toy.origin}, environ={}, idempotency={"enabled": True}) as running,
    ):
        made = World(running, echo, store, toy.origin)
        made.key(key)
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("ways")) as made:
        yield made


def needles(form: str) -> list[bytes]:
    """An encoded key without its ends, as it is and as JSON writes it."""
    lines = [line[6:-6] if len(line) > 30 else line for line in form.split("\n") if len(line) > 20]  # not padding
    return [
        text.encode()
        for line in lines
        for text in (line, json.dumps(line)[1:-1], json.dumps(json.dumps(line))[3:-3])
    ]


def check_nothing_leaves(made: World, forms: list[str]) -> int:
    """How many ways out showed that something was taken out."""
    found = 0
    for way, data in made.everything():
        for form in forms:
            for needle in needles(form):
                assert needle not in data, (way, needle, data[:3000])
        found += REDACTED.encode() in data
    return found


@pytest.mark.parametrize("form", FORMS)
def test_a_key_that_is_echoed_in_any_form_leaves_by_no_way(
    shared: World, form: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    shared.key(KEY)
    shared.says(FORMS[form])
    with caplog.at_level("DEBUG", "agentos"):
        found = check_nothing_leaves(shared, [FORMS[form](KEY)])
    assert found > len(PLAIN) + len(STREAMED)
    said = caplog.text + "".join(capfd.readouterr())
    assert not any(needle.decode() in said for needle in needles(FORMS[form](KEY)))


@pytest.mark.slow
@given(ENCODED, st.integers(0, 200))
@settings(deadline=None, max_examples=int(os.environ.get("AGENTOS_TEST_ECHOES", "6")), derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_a_key_in_an_encoding_of_an_encoding_leaves_by_no_way_wherever_streams_are_cut(
    shared: World, names: list[str], cut: int
) -> None:
    shared.key(KEY)
    shared.says(lambda key: encode(key, names), cut=cut)
    assert check_nothing_leaves(shared, [encode(KEY, names)]) > 10


def test_a_key_of_digits_that_is_echoed_as_a_number_leaves_by_no_way(shared: World) -> None:
    shared.key(DIGITS)
    for number in (int, float):
        shared.says(lambda key, number=number: f"{number(key):.0f}", as_number=True)  # type: ignore[misc]
        assert check_nothing_leaves(shared, [DIGITS]) > 10
        assert shared.call("plain").json()["said"] == REDACTED
        shared.call("meter")
        row = shared.house.rows()[0]
        assert (row["utility"], row["input_tokens"], row["output_tokens"], row["cost"]) == (
            "meter",
            None,
            None,
            None,
        )
    shared.key(KEY)


def test_a_wait_that_is_the_key_is_not_passed_on(shared: World) -> None:
    shared.key(DIGITS)
    shared.says(str)
    failing = render(
        429, b'{"error": "slow down"}', [("Retry-After", DIGITS), ("Content-Type", "application/json")]
    )
    shared.echo._failing = lambda *said: failing  # type: ignore[method-assign]
    response = shared.call("failing")
    del shared.echo._failing
    shared.key(KEY)
    assert response.status_code == 429
    assert DIGITS not in response.text + str(response.headers)


def test_a_key_is_taken_out_of_a_page_before_words_are_made_of_it(shared: World) -> None:
    tagged = "key-<of>-9d1c0f2b77aa"
    shared.key(tagged)
    shared.says(lambda key: f"<p>{key}</p>")
    shared.echo._page = lambda *said: render(502, f"<html>{said[1]}</html>".encode())  # type: ignore[method-assign]
    response = shared.call("page")
    del shared.echo._page
    shared.key(KEY)
    assert response.json()["upstream"]["message"] == f"an HTML page: {REDACTED}"


def test_an_error_is_clean_in_each_of_its_fields() -> None:
    results = Results(Call("demo", "plain", {}))
    results.learn(Redactor([Secret(KEY), Secret(DIGITS)]))
    number = float(DIGITS)
    failure = UpstreamFailure(400, {KEY: int(DIGITS)}, KEY, KEY, [KEY, {KEY: number}], number)
    error = UpstreamRejected(
        f"No {KEY}!",
        problems=[ParamProblem(KEY, KEY)],
        help_url=f"https://example.com/{KEY}",
        upstream=failure,
        retry_after=number,
        details={KEY: [KEY, number]},
    )
    cleaned = results.error(error)
    assert set(vars(error)) == {
        "message",
        "problems",
        "help_url",
        "upstream",
        "retry_after",
        "details",
        "refused_by",
    }
    said = repr((vars(cleaned), cleaned.args, str(cleaned), cleaned.as_json()))
    assert KEY not in said.replace("\\\\", "\\")
    assert DIGITS not in said
    assert str(cleaned) == f"No {REDACTED}!"


REPLACED = "sk-replaced-9d1c0f2b77aa"
UNDER_WAY: dict[str, tuple[str, dict[str, Any], bool]] = {
    "pages": ("rows", {"limit": 3}, False),
    "pages, streamed": ("rows", {"limit": 3}, True),
    "a job": ("job", {}, False),
}


@pytest.mark.parametrize("form", ["raw", "base64 of a header", "url"])
@pytest.mark.parametrize("call", UNDER_WAY)
def test_a_key_that_is_replaced_under_way_goes_on_with_the_new_one_and_neither_is_shown(
    shared: World, call: str, form: str
) -> None:
    shared.key(KEY)
    shared.says(FORMS[form], pages=3, meanwhile=lambda: shared.key(REPLACED))
    utility, params, streamed = UNDER_WAY[call]
    response = shared.call(utility, params, streamed=streamed)
    assert response.status_code == 200, response.text
    assert shared.echo.seen[0] == KEY
    assert set(shared.echo.seen[1:]) == {REPLACED}
    assert '"error"' not in response.text
    assert response.text.count(REDACTED) >= 2
    for way, data in (("reply", response.content), *shared.kept()):
        for key in (KEY, REPLACED):
            assert not any(needle in data for needle in needles(FORMS[form](key))), (way, data[:2000])


def spoilt(shared: World) -> dict[str, tuple[Callable[[], object], str]]:
    """What may become of the file of keys under way, and the code of the sentence that says so."""
    file = shared.house.home / "credentials.json"

    def directory() -> None:
        file.unlink()
        file.mkdir()

    return {
        "removed": (lambda: shared.store.remove("demo", "default"), "credential_not_found"),
        "open to others": (lambda: file.chmod(0o644), "credential_not_found"),
        "a directory": (directory, "credential_not_found"),
        "no JSON": (lambda: file.write_text("{"), "credential_not_found"),
    }


@pytest.mark.parametrize("what", ["removed", "open to others", "a directory", "no JSON"])
@pytest.mark.parametrize("call", UNDER_WAY)
def test_a_key_that_is_lost_under_way_is_a_sentence_and_is_not_shown(tmp_path: Path, what: str, call: str) -> None:
    with world(tmp_path) as made:
        happens, code = spoilt(made)[what]
        made.says(str, pages=3, meanwhile=happens)
        utility, params, streamed = UNDER_WAY[call]
        response = made.call(utility, params, streamed=streamed)
        body = events_of(response.text)[-1][1] if streamed else response.json()
    assert body["code"] == code, response.text
    assert not any(needle in response.content for needle in needles(KEY))


@pytest.mark.slow
def test_no_stage_of_a_trace_shows_the_key_not_one_that_was_replaced_either(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        config = Settings(home=made.house.home, skills=(made.house.skills,), rewrite={ORIGIN: made.origin})
        told = asyncio.run(traced(config, made))
    for form, stages in told.items():
        for needle in (*needles(FORMS[form](KEY)), *needles(FORMS[form](REPLACED))):
            assert needle not in stages, stages[:3000]
        assert REDACTED.encode() in stages


async def traced(config: Settings, made: World) -> dict[str, bytes]:
    """All stages that calls tell when they are explained, as JSON, by the form that the upstream echoes."""
    told: dict[str, bytes] = {}
    async with open_runtime(config, {}, watch=False) as runtime:
        for name, form in FORMS.items():
            made.key(KEY)
            made.says(form, pages=3, meanwhile=lambda: made.key(REPLACED))
            stages: list[Any] = []
            trace = lambda *stage, stages=stages: stages.append(stage)  # noqa: E731
            for utility, params in (("rows", {"limit": 3}), ("job", {}), ("plain", {}), ("failing", {})):
                made.echo.seen.clear()
                with contextlib.suppress(UpstreamRejected):
                    await runtime.invoke(Call("demo", utility, dict(params), "tester", "r1"), trace=trace)
            stream = await runtime.stream(Call("demo", "words", {}, "tester", "r2"), trace=trace)
            async for _ in stream:
                pass
            await stream.aclose()
            told[name] = json.dumps(stages).encode()
    return told


# ------------------------------------------------------------------ one way out

PACKAGE = Path(__file__).parents[2] / "agentos_runtime"
WAY_OUT = "runtime/results.py"
MADE_THERE = {"agentos_runtime.calls.call": {"Reply", "RawReply", "Event"}}
NOT_OF_A_CALL = {
    "limits/idempotency/replays.py": "gives a reply again that went through when it was made",
    "cli/calls/through_server.py": "reads what a server has sent",
    "mcp/using.py": "an answer that passed through, which the proxy has cleaned",
}


def constructed(tree: ast.Module) -> set[str]:
    """The results that a module makes, under whatever name it knows them."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in MADE_THERE:
            names |= {
                each.asname or each.name: each.name for each in node.names if each.name in MADE_THERE[node.module]
            }
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {names[call.id] for call in calls if isinstance(call, ast.Name) and call.id in names}


def test_results_leave_a_call_through_one_module() -> None:
    makers = {
        file.relative_to(PACKAGE).as_posix(): found
        for file in PACKAGE.rglob("*.py")
        if "calls.call" in (text := file.read_text(encoding="utf-8")) and (found := constructed(ast.parse(text)))
    }
    assert makers[WAY_OUT] == {"Reply", "RawReply", "Event"}
    assert set(makers) == {WAY_OUT, *NOT_OF_A_CALL}


def test_only_that_module_hands_on_errors_stages_of_traces_and_what_the_ledger_is_told() -> None:
    """Of a call's own modules: what they raise, trace and meter goes through the way out."""
    for file in sorted((PACKAGE / "runtime").glob("*.py")):
        if file.name == Path(WAY_OUT).name:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            assert name.split(".")[-1] != "trace", f"{file.name}:{node.lineno} tells a stage past the way out"
            assert name != "read_meter", f"{file.name}:{node.lineno} reads names and numbers past the way out"
            assert not name.endswith("as_json") or "error" not in name, f"{file.name}:{node.lineno} shows an error"
            assert name.split(".")[0] not in ("logging", "print"), f"{file.name}:{node.lineno} writes"


def test_whatever_a_call_raises_has_gone_through_that_module() -> None:
    service = ast.parse((PACKAGE / "runtime/service.py").read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(service) if isinstance(node, ast.AsyncFunctionDef)}
    for name in ("_reply", "stream"):
        handlers = [node for node in ast.walk(functions[name]) if isinstance(node, ast.ExceptHandler)]
        raised = [
            ast.unparse(node.exc)
            for h in handlers
            for node in ast.walk(h)
            if isinstance(node, ast.Raise) and node.exc
        ]
        assert "ctx.results.error(error)" in raised


def test_what_may_be_sent_is_made_and_sent_in_one_place_each() -> None:
    """A request with its secrets is made where the results learn them, and nothing else goes to the upstream."""
    makers, senders = set(), set()
    for file in sorted((PACKAGE / "runtime").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                makers |= {file.name} if name == "AuthorizedRequest" else set()
                senders |= {file.name} if re.search(r"upstream\.(?:send|open)$", name) else set()
    assert makers == {"authorizing.py"}
    assert senders == {"transport.py"}
