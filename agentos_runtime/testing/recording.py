"""A call that was made becomes a case: without what is secret, and such that it passes.

What was heard of the services is cleaned. Then the case is played in a simulation with these answers, and what
that sends and gives is what the case says: so it agrees with itself whatever was taken out of it, and it is kept
only when it passes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.errors import UpstreamTruncated
from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.samples.secrets import carries_secret
from agentos_runtime.importers.yamltext import entry
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Skill, Utility
from agentos_runtime.manifest.secrets.names import is_key
from agentos_runtime.manifest.secrets.shapes import without_secrets
from agentos_runtime.manifest.shapes import same
from agentos_runtime.security.credentials.redactor import REDACTED as HIDDEN
from agentos_runtime.skills.files import SkillFolder, is_there
from agentos_runtime.skills.imported_files import replace_files
from agentos_runtime.testing.load import load_case
from agentos_runtime.testing.matching import see
from agentos_runtime.testing.model import Case
from agentos_runtime.testing.run import Outcome, Stage
from agentos_runtime.testing.simulation import case_schema

REDACTED = "REDACTED"
LARGEST = 256 * 1024
"""Bytes of what services answered; the file of the case holds it about twice."""
MOST_DELTAS = 200
_ANYWHERE = "https://service.example/"
_TOLD = frozenset({"content-type", "link", "location", "retry-after"})
"""Headers of an answer that say something wherever they stand; others are kept when the reply needs them."""
_NEVER = frozenset({"set-cookie", "date", "server", "via", "connection", "keep-alive", "content-length"})
_CODED = frozenset({"content-encoding", "transfer-encoding"})


class NotRecorded(ValueError):
    """No case was written; the message says why and what to do."""


@dataclass(slots=True)
class Heard:
    """What services answered in one call; `tell` is its trace, which is told no secret of the call."""

    answers: list[dict[str, Json]] = field(default_factory=list)
    requests: int = 0

    def tell(self, stage: str, value: Json) -> None:
        if stage == "request":
            self.requests += 1
        elif stage == "response" and isinstance(value, dict):
            self.answers.append({**value})
        elif stage == "event" and isinstance(value, dict) and self.answers:
            events = self.answers[-1].setdefault("events", [])
            assert isinstance(events, list)
            events.append(value.get("data"))
        elif stage == "body" and self.answers and not {"body", "events"} & self.answers[-1].keys():
            self.answers[-1]["body"] = value  # of an answer to which a stream was asked for
        elif stage == "renewal" and self.answers:
            self.answers.pop()  # the 401: in the case the credential is one that is taken


@dataclass(frozen=True, slots=True)
class Recorded:
    """A case that passes, and what was taken out of the call for it."""

    text: str
    case: Case
    redacted: bool


async def make_case(
    stage: Stage,
    skill: Skill,
    name: str,
    params: Mapping[str, Json],
    heard: Heard,
    outcome: Outcome,
    *,
    file: Path,
    description: str | None = None,
) -> Recorded:
    """The text of a case for this call of the utility of that name. Raises NotRecorded when none passes."""
    utility = skill.utilities[name]
    if heard.requests and not heard.answers:
        raise NotRecorded("the service gave no answer that could be kept")
    size = sum(len(dump(answer)) for answer in heard.answers)
    if size > LARGEST:
        raise NotRecorded(f"the service answered with {size // 1024} KB: ask for less of it")
    given = _without_secrets({**params})
    assert isinstance(given, dict)
    said: dict[str, Json] = {
        "description": description or _described(utility, given, outcome),
        "utility": utility.name,
    }
    if given:
        said["params"] = given
    is_live = utility.effect == "read" and same(given, {**params}) and outcome.error is None
    said |= {"live": True} if is_live else {}
    wanted = _without_secrets(_shown(outcome))
    is_cut = outcome.error is not None and outcome.error["code"] == UpstreamTruncated.code
    for everything in (False, True):
        answers = [_answer(each, utility, everything=everything, is_cut=is_cut) for each in heard.answers]
        played, sent = await _play(stage, skill, file, said, answers)
        if same(_without_secrets(_shown(played)), wanted):
            break
    if (played.error is None) != (outcome.error is None):
        raise NotRecorded(f"played again, the call ends otherwise: {_ending(played)}")
    if _hidden(played) < _hidden(outcome):
        raise NotRecorded("the service tells a secret of the call in pieces, which would stand in the case")
    whole = said | _exchanges(sent, answers) | _result(played)
    for body in (True, False):
        text = _text(whole if body else _without_bodies(whole))
        recorded = Recorded(text, _load(text, file, skill), redacted=not _is_clean(params, heard, outcome))
        if (await stage.runner.run(recorded.case)).passed:
            return recorded
    raise NotRecorded("the case that it makes does not pass: what is sent, or read, differs each time")


def write_case(folder: SkillFolder, file: Path, text: str) -> None:
    """Write a case beside its skill, whole or not at all. Raises NotRecorded."""
    try:
        if is_there(file.parent) and not folder.holds(file.parent):
            raise NotRecorded(f"{file.parent} leads out of {folder.path}")
        replace_files({file: text})
    except OSError as error:
        raise NotRecorded(f"{file} cannot be written: {error.strerror}") from None


def _load(text: str, file: Path, skill: Skill) -> Case:
    loaded = load_case(text.encode("utf-8", "replace"), file, skill, case_schema())
    if loaded.case is None:
        problem = loaded.problems[0]
        raise NotRecorded(f"the call makes no case: {problem.message} [{problem.place.key}]")
    return loaded.case


async def _play(
    stage: Stage, skill: Skill, file: Path, said: Mapping[str, Json], answers: list[dict[str, Json]]
) -> tuple[Outcome, list[UpstreamRequest]]:
    """What the call sends and gives when it is answered so."""
    anywhere: dict[str, Json] = {"method": "GET", "url": _ANYWHERE}
    exchanges: list[Json] = [{"request": anywhere, "response": answer} for answer in answers]
    ending: dict[str, Json] = {"reply": None} if exchanges else {"error": {"code": "internal_error"}}
    case = _load(_text({**said, "exchanges": exchanges, **ending}), file, skill)
    played = await stage.runner.play(case)
    return played, [*stage.runner.sent]


def _hidden(outcome: Outcome) -> int:
    """How many secrets of the call were taken out of what its caller got."""
    told = outcome.reply if outcome.error is None else {**outcome.error}
    return dump(told).count(HIDDEN.encode())


def _answer(heard: Mapping[str, Json], utility: Utility, *, everything: bool, is_cut: bool) -> dict[str, Json]:
    """`response` of a case. Raises NotRecorded for bytes that are no text."""
    headers = heard["headers"]
    assert isinstance(headers, dict)
    known = {name.lower(): str(text) for name, text in headers.items()}
    kept = {
        name: REDACTED if carries_secret(text, name) else text
        for name, text in known.items()
        if name not in _NEVER | _CODED and (everything or name in _TOLD)
    }
    told: dict[str, Json] = {} if heard["status"] == 200 else {"status": heard["status"]}
    content = _content(heard, utility, is_cut=is_cut)
    usual = {"body": "application/json", "text": "text/plain; charset=utf-8", "events": "text/event-stream"}
    if kept.get("content-type", "") == next((usual[name] for name in content), ""):
        kept.pop("content-type", None)  # an answer without a body may name none
    return told | ({"headers": {**kept}} if kept else {}) | content


def _content(heard: Mapping[str, Json], utility: Utility, *, is_cut: bool) -> dict[str, Json]:
    """is_cut: a stream ended before its end mark, which is not told."""
    if "events" in heard:
        events = heard["events"]
        assert isinstance(events, list)
        done = utility.rest.stream.done if utility.rest.stream and not is_cut else None
        end: list[Json] = [done] if done and done not in events else []
        return {"events": [{"data": _without_secrets(each)} for each in [*events, *end]]}
    body = _without_secrets(heard.get("body"))
    if isinstance(body, str):
        if "\ufffd" in body:
            raise NotRecorded("the service answers with bytes that are no text, which a case cannot hold")
        return {"text": body} if body else {}
    return {"body": body} if heard.get("body") is not None or "body" in heard else {}


def _exchanges(sent: list[UpstreamRequest], answers: list[dict[str, Json]]) -> dict[str, Json]:
    pairs: list[dict[str, Json]] = [
        {"request": _request(request), "response": answer} for request, answer in zip(sent, answers, strict=False)
    ]
    if len(pairs) == 1:
        return {"request": pairs[0]["request"], "response": pairs[0]["response"]}
    return {"exchanges": [*pairs]}


def _request(request: UpstreamRequest) -> dict[str, Json]:
    seen = see(request)
    query = f"?{urlencode(seen.address.query)}" if seen.address.query else ""
    said: dict[str, Json] = {"method": seen.method, "url": f"{seen.address.origin}{seen.address.path}{query}"}
    return said | ({"body": seen.body} if seen.has_body else {})


def _without_bodies(whole: Mapping[str, Json]) -> dict[str, Json]:
    """Where a body is made anew each time, as the boundary of a form is, it cannot be compared."""

    def bare(pair: Any) -> Any:
        return {**pair, "request": {key: of for key, of in pair["request"].items() if key != "body"}}

    listed = whole.get("exchanges")
    if isinstance(listed, list):
        return {**whole, "exchanges": [bare(pair) for pair in listed]}
    found: dict[str, Json] = bare(whole)
    return found


def _result(played: Outcome) -> dict[str, Json]:
    if played.error is not None:
        kept = {key: played.error[key] for key in ("code", "status") if key in played.error}
        upstream = played.error.get("upstream")
        told = (
            {key: upstream.get(key) for key in ("status", "code", "message")} if isinstance(upstream, dict) else {}
        )
        return {"error": kept | ({"upstream": {k: v for k, v in told.items() if v is not None}} if told else {})}
    deltas: dict[str, Json] = (
        {"deltas": [*played.deltas]} if played.deltas and len(played.deltas) <= MOST_DELTAS else {}
    )
    return {"reply": played.reply} | deltas


def _described(utility: Utility, params: Mapping[str, Json], outcome: Outcome) -> str:
    shown = ", ".join(f"{name} {value}" for name, value in params.items() if isinstance(value, str | int | float))
    what = utility.description.split("\n")[0].rstrip(".")
    how = f", which fails with {outcome.error['code']}" if outcome.error is not None else ""
    return " ".join(without_secrets(f"{what}{how}{f': {shown}' if shown else ''}").split())[:160]


def _shown(outcome: Outcome) -> Json:
    return {"code": outcome.error["code"]} if outcome.error is not None else outcome.reply


def _ending(played: Outcome) -> str:
    return "it has a reply" if played.error is None else str(played.error.get("error"))


def _is_clean(params: Mapping[str, Json], heard: Heard, outcome: Outcome) -> bool:
    bodies: list[Json] = [each.get("body", each.get("events")) for each in heard.answers]
    found: list[Json] = [{**params}, outcome.reply, *bodies]
    return all(same(_without_secrets(each), each) for each in found)


def _without_secrets(value: Json, name: str = "") -> Json:
    """The value, where what is secret by its name or by itself is `REDACTED`."""
    if isinstance(value, dict):
        return {_plain_key(key): _without_secrets(below, key) for key, below in value.items()}
    if isinstance(value, list):
        return [_without_secrets(below, name) for below in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value and name and is_key(name) and name.lower() != "key":
            return REDACTED
        text = without_secrets(value).replace("…", REDACTED) if without_secrets(value) != value else value
        return REDACTED if carries_secret(text, name) else text
    return 0 if carries_secret(str(value), name) and len(str(value)) >= 8 else value


def _plain_key(key: str) -> str:
    return REDACTED if carries_secret(key) else key


def _text(said: Mapping[str, Json]) -> str:
    return "".join(_entries(said))


def _entries(said: Mapping[str, Json]) -> Iterator[str]:
    for key, value in said.items():
        yield entry(key, value)
