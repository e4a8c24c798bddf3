"""One skill file of dialect A or B becomes one of dialect C; what has no words there is left out and told."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Self

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.agentos.mappings import mapping_of, path_of
from agentos_runtime.importers.agentos.mustache import bound_query, request_value
from agentos_runtime.importers.agentos.pipes import NotSaid
from agentos_runtime.importers.api import ImportProblem, Losses
from agentos_runtime.importers.yamltext import entry
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.source import read_source

Map = dict[str, Json]
_EFFECTS: Mapping[str, str] = {"read": "read", "create": "write", "update": "write", "delete": "destroy"}
_KEPT = ("description", "returns", "params", "web_url", "handles_urls")
_REQUESTS = ("url", "headers", "query", "params", "body", "variables", "endpoint", "stdin")
_SECTIONS = ("actions", "operations", "utilities")
_BESIDE = frozenset({*_KEPT, "label", "operation", "readonly", "response"})


@dataclass(frozen=True, slots=True)
class Converted:
    """A file in dialect C."""

    id: str
    front: Map
    docs: str
    names: tuple[str, ...]
    """Its callables."""
    losses: Losses

    def called(self, skill_id: str) -> Self:
        """The same under another id."""
        return replace(self, id=skill_id, front={**self.front, "id": skill_id})

    @property
    def text(self) -> str:
        head = "".join(entry(name, value) for name, value in self.front.items())
        return f"---\n{head}---\n" + (f"\n{self.docs}" if self.docs else "")


def convert(data: bytes, file: str) -> Converted:
    """Raises ImportProblem for what is no skill file of dialect A or B."""
    report = Report()
    source = read_source(data, file, report)
    if source is None or source.root is None:
        raise ImportProblem("\n".join(map(str, report.all())))
    front = source.root.json
    if not isinstance(front, dict) or not _is_early(front, data):
        raise ImportProblem(
            f"{file} is in none of the first dialects (`actions`, or `adapters` with placeholders). "
            "What has `operations`, `transformers` or `connections` loads as it is: `agentos check` says so"
        )
    losses = Losses()
    written = {name: value for name, value in front.items() if name not in (*_SECTIONS, "adapters", "icon")}
    icon = front.get("icon")
    if isinstance(icon, str) and "://" in icon:
        losses.add("An icon is a file beside the skill's, not an address", icon)
    elif icon is not None:
        written["icon"] = icon
    if transformers := _transformers(front.get("adapters"), losses):
        written["transformers"] = transformers
    names: list[str] = []
    for section, named in (("actions", "operations"), ("operations", "operations"), ("utilities", "utilities")):
        found = _callables(front.get(section), losses)
        if found:
            below = written.setdefault(named, {})
            assert isinstance(below, dict)
            below |= found
            names += found
    skill_id = front.get("id")
    return Converted(skill_id if isinstance(skill_id, str) else "", written, source.docs, tuple(names), losses)


def _is_early(front: Map, data: bytes) -> bool:
    adapters = front.get("adapters")
    mapped = isinstance(adapters, dict) and any(
        isinstance(each, dict) and "mapping" in each for each in adapters.values()
    )
    return isinstance(front.get("actions"), dict) or (
        "connections" not in front and (mapped or (b"{{params." in data and "transformers" not in front))
    )


def _transformers(adapters: Json, losses: Losses) -> Map:
    found: Map = {}
    for name, each in adapters.items() if isinstance(adapters, dict) else ():
        if not isinstance(each, dict):
            continue
        mapping = each.get("mapping")
        if not isinstance(mapping, dict):
            losses.add(
                "An adapter without a `mapping` is left out: what it maps is handed out as it comes",
                f"adapters.{name}",
            )
            continue
        try:
            made = mapping_of(mapping)
        except NotSaid as reason:
            losses.add(f"A mapping cannot be said: {reason}", f"adapters.{name}")
            continue
        found[name] = {**{key: value for key, value in each.items() if key == "terminology"}, "mapping": made}
    return found


def _callables(section: Json, losses: Losses) -> Map:
    found: Map = {}
    for name, each in section.items() if isinstance(section, dict) else ():
        try:
            found[name] = _callable(each)
        except NotSaid as reason:
            losses.add(f"Left out, for it has no words in jq: {reason}", name)
    return found


def _callable(each: Json) -> Map:
    if not isinstance(each, dict):
        raise NotSaid("what is no map")
    made: Map = {name: each[name] for name in _KEPT if each.get(name) is not None}
    if "description" not in made and each.get("label") is not None:
        made["description"] = each["label"]
    verb = each.get("operation")
    if each.get("readonly") is True or verb == "read":
        made["effect"] = "read"
    elif isinstance(verb, str) and verb in _EFFECTS:
        made["effect"] = _EFFECTS[verb]
    executors = [name for name in each if name not in _BESIDE]
    if len(executors) != 1:
        raise NotSaid("several calls in one" if executors else "nothing that is called")
    (kind,) = executors
    executor = each[kind]
    if not isinstance(executor, dict):
        raise NotSaid(f"a list of steps in `{kind[:40]}`")
    made[kind] = _executor(kind, executor, each.get("response"))
    return made


def _executor(kind: str, executor: Map, beside: Json) -> Map:
    made: Map = {}
    response = executor.get("response", beside)
    for name, value in executor.items():
        if name == "query" and kind == "sql" and isinstance(value, str):
            made["query"], bound = bound_query(value)
            if bound:
                made["params"] = {**_map(made.get("params")), **bound}
        elif name == "params" and kind == "sql":
            made["params"] = {**_map(request_value(value)), **_map(made.get("params"))}
        elif name == "query" and kind == "graphql":
            made["query"] = value
        elif name in _REQUESTS and kind in ("rest", "graphql", "command"):
            made[name] = request_value(value, url=name in ("url", "endpoint"))
        elif name != "response":
            made[name] = value
    if isinstance(response, dict):
        made["response"] = _response(response)
    return made


def _map(value: Json) -> Map:
    return value if isinstance(value, dict) else {}


def _response(response: Map) -> Map:
    made: Map = {}
    for name, value in response.items():
        if name == "mapping" and isinstance(value, dict):
            made["mapping"] = mapping_of(value)
        elif name == "root" and isinstance(value, str) and not value.startswith("/"):
            if "[" in value:
                made["transform"] = path_of(value)
            else:
                made["root"] = "/" + value.removeprefix(".").replace(".", "/")
        elif name in ("static", "inject"):
            made[name] = request_value(value)
        else:
            made[name] = value
    return made
