"""Skills that reach for their credential in every way, and what they send compared with where they may send it."""

import asyncio
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from agentos_runtime.bootstrap import open_safeguards
from agentos_runtime.calls.call import Call
from agentos_runtime.calls.evaluate import Inputs
from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.calls.plan import CallPlan, plan_call
from agentos_runtime.calls.requests.drafting import Draft, draft_request
from agentos_runtime.calls.requests.given import check_params
from agentos_runtime.calls.requests.planning import plan_request
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import AgentOSError
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.jq.program import request_program
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Retry, Skill
from agentos_runtime.runtime import Runtime
from agentos_runtime.runtime.answering.arrived import Arrived
from agentos_runtime.runtime.home.parts import Home
from agentos_runtime.runtime.ports import OpenUpstream
from agentos_runtime.security.agents import Agents
from agentos_runtime.security.authority import authority_of
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.security.credentials.lookup import Credentials
from agentos_runtime.security.credentials.redactor import Redactor
from agentos_runtime.security.credentials.secret import Secret
from agentos_runtime.security.credentials.store import CredentialStore
from agentos_runtime.skills.entries import SkillEntry
from agentos_runtime.skills.files import SkillFolder
from agentos_runtime.skills.registry import Registry
from agentos_runtime.storage.activity.ledger import Ledger
from agentos_runtime.storage.private_files import PrivateFile
from agentos_runtime.testing.fake_credentials import EverythingApproved
from agentos_runtime.waiting.desk import Desk
from tests.manifest.loading import load_bytes
from tests.reading import read_yaml

SECRETS = {"key": 'sk-places:canary/5b0d"91+f=2 z', "user": "user.canary-77:x", "token": "tok_canary%41&8c11"}
ORIGIN = "https://places.example"
PLACEHOLDER = re.compile(r"agentos[a-p]{6}|[a-p]{40}")
"""What is left of a placeholder that nobody replaced."""

PARTS: Mapping[str, list[str]] = read_yaml(Path(__file__).with_name("places.yaml").read_text())
UNCHANGED = 0.3
"""How often nothing is done with what was reached."""
NAMES = ("a", "b", "key", "deep", "x.y", "c[]")


def manifest(dice: random.Random) -> str:
    """The text of a skill."""
    auth = dice.choice(PARTS["auths"])
    fields = re.findall(r"\{(key|user|token)\}", auth) or ["key"]
    lines = ["id: places", "name: Places", "description: x", f"api: {{base_url: {ORIGIN}/v1}}", f"auth: {auth}"]
    lines.append("definitions: " + _filled(dice.choice(PARTS["definitions"]), dice.choice(fields)))
    lines += ["settings: {mode: {default: fast, description: x}}", "utilities:", "  go:", "    description: Go"]
    lines.append("    params: {text: {}, auth: {type: object}, name: {}, extra: {type: object}}")
    rest = _rest(dice, fields)
    return "---\n" + "\n".join(lines) + f"\n    rest: {json.dumps(rest)}\n---\n"


def _rest(dice: random.Random, fields: list[str]) -> dict[str, Any]:
    url = [
        "/things",
        "/things/{name}",
        f"{ORIGIN}/v1/other",
        f'"{ORIGIN}/v1/" + ({expression(dice, fields)} | tostring)',
    ]
    url += [f'"/x/\\({expression(dice, fields)})"', f'"/x?k=" + ({expression(dice, fields)} | tostring)']
    rest: dict[str, Any] = {"url": dice.choice(url), "method": dice.choice(("GET", "POST", "POST", "PUT"))}
    if dice.random() < 0.5:
        rest["headers"] = {
            name: expression(dice, fields) for name in dice.sample(("X-A", "X-Key", "Accept"), dice.randint(1, 2))
        }
    if dice.random() < 0.5:
        rest["query"] = {name: expression(dice, fields) for name in dice.sample(NAMES, dice.randint(1, 2))}
    if rest["method"] != "GET":
        rest["body"] = _node(dice, fields, 0)
        rest["encoding"] = dice.choice(("json", "json", "json", "form", "multipart", "text"))
        if dice.random() < 0.15:
            rest["body_extra"] = dice.choice((".params.extra", expression(dice, fields)))
    if dice.random() < 0.15:
        rest["retry"] = {"idempotency_header": "Idempotency-Key"}
    _follow(dice, rest, fields)
    return rest


def _follow(dice: random.Random, rest: dict[str, Any], fields: list[str]) -> None:
    """What makes more requests of one call, with what the service said."""
    kind = dice.random()
    if kind < 0.12 and rest["method"] == "GET":
        rest["paginate"] = {
            "style": "cursor",
            "items": "/items",
            "next": dice.choice((".said", ".echo.url", ".echo.headers | tojson", ".cursor")),
        }
    elif kind < 0.24:
        address = dice.choice(
            (".said", f'"{ORIGIN}/jobs/" + .said', ".echo.url", '"/jobs?key=" + .said', '"/j#" + .said', "/jobs/1")
        )
        rest["poll"] = {"url": address, "until": "true", "interval": 0.01}
    elif kind < 0.34 and rest["method"] != "GET" and isinstance(rest["body"], dict):
        rest["stream"] = {
            "delta": ".",
            "accumulate": "last",
            "body": {"stream": True, "more": expression(dice, fields)},
        }


def _node(dice: random.Random, fields: list[str], depth: int) -> Any:
    kind = dice.random()
    if kind < 0.35 or depth > 2:
        return expression(dice, fields)
    if kind < 0.8:
        return {name: _node(dice, fields, depth + 1) for name in dice.sample(NAMES, dice.randint(1, 3))}
    if kind < 0.9:
        return [_node(dice, fields, depth + 1) for _ in range(dice.randint(1, 2))]
    return dice.choice(("plain", 7, True, None if depth else "plain"))


def expression(dice: random.Random, fields: list[str]) -> str:
    """jq that is read as jq, half of it with a way to the credential."""
    if dice.random() < 0.5:
        return dice.choice(PARTS["plain"])
    name = dice.choice(fields)
    text = _filled(dice.choice(PARTS["reaches"]), name, dice.choice(PARTS["whole"]))
    for _ in range(dice.choice((1, 1, 1, 2))):
        if dice.random() > UNCHANGED:
            text = f"({text}){dice.choice(PARTS['transforms'])}"
    if dice.random() < 0.1:
        text = f"({text}), empty # .auth.{name}"
    return f"({text}\n)"


def _filled(text: str, name: str, whole: str = "") -> str:
    return text.replace("{w}", whole).replace("{f}", name)


def params(dice: random.Random) -> dict[str, Any]:
    """What a caller gives."""
    texts: list[Any] = ["plain", "", "a/b", "..", "sk-", 7, None, ["x"], {"auth": {"key": "mine"}}]
    given = {"text": dice.choice(texts), "name": dice.choice(("n", "a b", "ü")), "extra": {"k": dice.choice(texts)}}
    return given | ({"auth": {"key": "mine"}} if dice.random() < 0.3 else {})


# ------------------------------------------------------------------ what is sent


@dataclass
class Capture:
    """An upstream that keeps what it is sent and repeats all of it in its answer."""

    sent: list[UpstreamRequest] = field(default_factory=list)

    async def send(
        self, request: UpstreamRequest, *, timeout: float, retry: Retry | None, allow_private: bool
    ) -> UpstreamResponse:
        self.sent.append(request)
        said: Json = (
            SECRETS["key"] if len(self.sent) % 2 else f"https://places.example/v1/again?key={SECRETS['key']}"
        )
        body = (request.body or b"").decode("utf-8", "replace")
        echo: Json = {"url": request.url, "headers": dict(request.headers), "body": body}
        return UpstreamResponse(
            200,
            {"content-type": "application/json"},
            dump({"said": said, "echo": echo, "items": [{"n": len(self.sent)}]}),
        )

    async def open(
        self,
        request: UpstreamRequest,
        *,
        timeout: float,
        idle_timeout: float,
        retry: Retry | None,
        allow_private: bool,
    ) -> OpenUpstream:
        response = await self.send(request, timeout=timeout, retry=retry, allow_private=allow_private)
        return Arrived(response)


class Shelf:
    """A registry of one skill."""

    def __init__(self) -> None:
        self.kept: CallPlan | None = None

    async def ready(self, skill_id: str) -> None:
        """It is there from the beginning."""

    def find(self, skill_id: str) -> SkillEntry:
        assert self.kept is not None
        skill = self.kept.skill
        return SkillEntry(skill.id, skill.file, SkillFolder(skill.file.parent), skill, skill.settings)


@dataclass
class World:
    """A runtime whose network is `Capture`."""

    runtime: Runtime
    shelf: Shelf
    capture: Capture
    workers: WorkerPool
    counts: Counter[str] = field(default_factory=Counter)

    async def attempt(self, dice: random.Random) -> None:
        """One manifest, some calls. Raises AssertionError for a leak."""
        text = manifest(dice)
        skill = load_bytes(text.encode()).skill
        if skill is None:
            self.counts["refused"] += 1
            return
        self.shelf.kept = plan_call(skill, skill.utilities["go"], skill.settings)
        given = params(dice)
        streaming = skill.utilities["go"].streams and dice.random() < 0.8
        self.capture.sent.clear()
        owned = {"all": True} if "all" in skill.utilities["go"].runtime_params else {}
        call = Call("places", "go", given | owned, "tester", "r", "idem-key-1")
        outcome, said = "sent", ""
        try:
            if streaming:
                stream = await self.runtime.stream(call)
                async for _ in stream:
                    pass
                await stream.aclose()
            else:
                await self.runtime.invoke(call)
        except AgentOSError as error:
            outcome, said = str(error.code), str(error.as_json())
        assert not leaks(said), f"{said}\n{text}"
        self.counts["sent" if self.capture.sent else outcome] += 1
        for request in self.capture.sent:
            for place, what in misplaced(skill, request):
                raise AssertionError(f"{what} stands at {place} of {request.url}\n{text}\n{given}")
        if self.capture.sent and not streaming:
            await self._compare(given, self.capture.sent[0], text)

    async def _compare(self, given: dict[str, Any], sent: UpstreamRequest, text: str) -> None:
        """What was sent is what jq makes of the secret itself, which only this test dares to show it."""
        plan = self.shelf.kept
        assert plan is not None
        if plan.request.samples is None or plan.request.program is None:
            return
        self.counts["with the credential"] += 1
        real = await self._with_secrets(plan, given)
        assert real is not None, f"sent, though jq fails for the secret itself\n{text}\n{given}"
        templates = {one.name.lower() for one in plan.request.auth.templates} if plan.request.auth else set()
        for name, value in real.headers:
            if name.lower() not in templates:
                assert (name, value) in sent.headers, f"{name}: {value!r} is not what was sent\n{text}\n{given}"
        if plan.request.rest.encoding == "json" and isinstance(real.body, dict) and sent.body:
            body = json.loads(sent.body)
            for name, expected in real.body.items():
                assert name.lower() in templates or body[name] == expected, (
                    f"{name} of the body is not what jq gives\n{text}\n{given}"
                )

    async def _with_secrets(self, plan: CallPlan, given: dict[str, Any]) -> Draft | None:
        request = plan.request
        assert request.auth is not None
        auth: dict[str, Json] = {name: SECRETS[name] for name in request.auth.fields}
        params = check_params(plan.utility, dict(given))
        seen: dict[str, Json] = {"params": params, "settings": dict(plan.settings), "auth": auth}
        program = request_program(plan.skill.definitions, [node.source for node in request.nodes])
        outcome = await self.workers.run(program, dump(seen))
        if outcome.failure is not None:
            return None
        elsewhere = replace(request, url="https://elsewhere.example/")
        return draft_request(elsewhere, Inputs(seen, outcome.outputs), streaming=False)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Everything real but the network, the folder of skills and who approves: everything is approved."""
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = Settings(home=home)
        workers = await stack.enter_async_context(WorkerPool())
        ledger = stack.enter_context(Ledger(settings.activity_file))
        safeguards = stack.enter_context(open_safeguards(settings))
        environ = {"PLACES_API_KEY": SECRETS["key"], "PLACES_KEY": SECRETS["key"], "PLACES_USER": SECRETS["user"]}
        environ["PLACES_TOKEN"] = SECRETS["token"]
        credentials = Credentials(environ, CredentialStore(PrivateFile(home / "credentials.json")))
        shelf, capture = Shelf(), Capture()
        runtime = Runtime(
            registry=cast(Registry, shelf),
            workers=workers,
            broker=CredentialBroker(credentials, EverythingApproved()),
            upstream=capture,
            ledger=ledger,
            home=Home(settings, Agents(PrivateFile(settings.agents_file))),
            safeguards=safeguards,
            desk=Desk(settings.waiting_file),
            platform="linux",
            max_reply=1 << 20,
        )
        yield World(runtime, shelf, capture, workers)


def run(seeds: Iterable[int]) -> Counter[str]:
    """One skill and call per seed. Raises AssertionError with the seed of the first leak."""

    async def all_of_them() -> Counter[str]:
        async with world() as one:
            for seed in seeds:
                try:
                    await one.attempt(random.Random(seed))
                except AssertionError as error:
                    raise AssertionError(f"seed {seed}: {error}") from None
        return one.counts

    return asyncio.run(all_of_them())


# ------------------------------------------------------------------ where it stands


_REDACTOR = Redactor([Secret(text) for text in SECRETS.values()])


def leaks(text: str) -> bool:
    """Whether a secret stands in the text, in any encoding that is known."""
    return any(_REDACTOR.clean_text(form) != form for form in (text, unquote(text)))


def misplaced(skill: Skill, request: UpstreamRequest) -> Iterator[tuple[str, str]]:
    """Each place that holds a secret and is not declared, or holds what is left of a placeholder."""
    declared = {grant.placement for grant in authority_of(skill).grants if grant.credential}
    named = plan_request(skill, skill.utilities["go"], skill.utilities["go"].rest).samples is not None
    for place, text, names in _texts(request):
        if PLACEHOLDER.search(text) and named:
            yield place, "a placeholder"
        if leaks(text) and not declared & names:
            yield place, "the secret"


def _texts(request: UpstreamRequest) -> Iterator[tuple[str, str, set[str]]]:
    """Every text of a request: where, what, and the names of places under which it may be declared."""
    parts = urlsplit(request.url)
    yield "the origin", f"{parts.scheme}://{parts.netloc}", set()
    yield "the path", f"{parts.path} {parts.fragment}", {"url"}
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        yield "a query's name", name, {"url"}
        yield f"query {name}", text, {"url", f"query:{name}"}
    for name, text in request.headers:
        yield "a header's name", name, set()
        basic = {"basic"} if name.lower() == "authorization" else set()
        yield f"header {name}", text, {f"header:{name.lower()}"} | basic
    yield from _body_texts(request)


def _body_texts(request: UpstreamRequest) -> Iterator[tuple[str, str, set[str]]]:
    kind = next((text for name, text in request.headers if name.lower() == "content-type"), "")
    body = request.body or b""
    if kind.startswith("application/json"):
        yield from _json_texts(json.loads(body), (), {"body"})
    elif kind.startswith("application/x-www-form-urlencoded"):
        for name, text in parse_qsl(body.decode(), keep_blank_values=True):
            yield "a form's name", name, set()
            yield f"form {name}", text, {"body", _named((name,)), _named((name, None))}
    elif kind.startswith("multipart/form-data"):
        for part in body.split(b"\r\n--"):
            head, _, data = part.decode("utf-8", "replace").partition("\r\n\r\n")
            found = re.search('name="([^"]*)"', head)
            name = found[1] if found else ""
            yield "a part's head", head, set()
            prefixes = {_named((name,)), "body"} | {_named((name, None))}
            yield f"part {name}", data, prefixes | _below_part(data, name)
    else:
        yield "the body", body.decode("utf-8", "replace"), {"body"}


def _below_part(data: str, name: str) -> set[str]:
    """A part that is JSON: places of its own are declared below its name."""
    try:
        value = json.loads(data)
    except ValueError:
        return set()
    found = [*_json_texts(value, (name,), set()), *_json_texts(value, (name, None), set())]
    return {place for _, text, places in found if leaks(text) for place in places}


def _json_texts(value: Any, path: tuple[str | None, ...], above: set[str]) -> Iterator[tuple[str, str, set[str]]]:
    names = above | ({_named(path)} if path else set())
    if isinstance(value, dict):
        for name, item in value.items():
            yield "a field's name", name, set()
            yield from _json_texts(item, (*path, name), names)
    elif isinstance(value, list):
        for item in value:
            yield from _json_texts(item, (*path, None), names)
    elif isinstance(value, str):
        yield f"body {path}", value, names


def _named(path: tuple[str | None, ...]) -> str:
    """The name of a place in the body, written on its own: None stands for the items of a list."""
    text = ""
    for step in path:
        if step is None:
            text += "[]"
        else:
            escaped = "".join(f"\\{char}" if char in ".[]\\" else char for char in step)
            text += f".{escaped}" if text else escaped
    return f"body:{text}" if not text.startswith("[") else f"body{text}"
