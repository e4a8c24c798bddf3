"""An import without I/O: what was read of a source becomes the texts of a skill, and what is to be said of them."""

from collections.abc import Callable
from dataclasses import field, replace
from typing import Literal, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.adding import added
from agentos_runtime.importers.api import Api, Losses
from agentos_runtime.importers.build import Source, build
from agentos_runtime.importers.cases import with_cases
from agentos_runtime.importers.curl.reader import read_curl
from agentos_runtime.importers.lap.reader import read_lap
from agentos_runtime.importers.names.choosing import utility_names
from agentos_runtime.importers.names.routes import route
from agentos_runtime.importers.openapi.operations import read_openapi
from agentos_runtime.importers.openapi.security import said_way
from agentos_runtime.importers.samples.postman import read_postman
from agentos_runtime.importers.samples.recordings import read_har
from agentos_runtime.importers.selection import Choice, advice, selected, source_of
from agentos_runtime.importers.update import Disk, Plan, known_names, make_plan
from agentos_runtime.jsontext import Json


@dataclass(frozen=True, slots=True)
class Description:
    """A description of a service, as it was read."""

    data: bytes = field(repr=False)
    address: str
    """What relative references start from."""
    fetch: Callable[[str], bytes]
    """Reads what a reference names. Raises ImportProblem."""


@dataclass(frozen=True, slots=True)
class ServiceImport:
    """What is taken from the description of a whole service."""

    kind: Literal["openapi", "lap", "har", "postman"]
    source: str
    """The file or the address, as the skill remembers it."""
    choice: Choice = field(default_factory=Choice)
    cases: bool = False
    """Also make cases from the examples; only OpenAPI has some."""
    split: bool = False
    """A new skill becomes one file for each tag."""


@dataclass(frozen=True, slots=True)
class CurlImport:
    """One more utility, or the first, from a curl command."""

    command: str = field(repr=False)
    name: str | None = None
    """None = made from the address."""


Progress: TypeAlias = Callable[[str], None]
"""Told what begins now."""
Import: TypeAlias = ServiceImport | CurlImport


@dataclass(frozen=True, slots=True)
class Imported:
    """The texts to write and what changes by them, and what a manifest cannot say of the source."""

    plan: Plan
    losses: Losses


def silent(step: str) -> None:
    """For whom nobody waits."""


def import_service(
    wanted: ServiceImport, skill_id: str, description: Description, disk: Disk, progress: Progress = silent
) -> Imported:
    """Merge what a service's description says into what lies there. Raises ImportProblem."""
    losses = Losses()
    source = source_of(wanted.kind, wanted.source, wanted.choice, disk)
    progress(f"understanding {len(description.data) // 1024 or 1} KB")
    api = selected(_read(wanted, source, description, losses), source, skill_id, losses)
    told = advice(source, len(api.operations))
    if told:
        losses.add(told)
    progress(f"writing and reading back {len(api.operations)} operations")
    known = known_names(disk, [route(one.method, one.path) for one in api.operations])
    names = utility_names(api.operations, (skill_id, api.title), known, source.names or {}, own=source.own_names)
    generated = build(api, skill_id, names, source, losses)
    if wanted.cases:
        generated = with_cases(generated, api, losses)
    return Imported(make_plan(generated, disk, split=wanted.split), losses)


def import_curl(wanted: CurlImport, skill_id: str, disk: Disk) -> Imported:
    """Add what a curl command calls to what lies there. Raises ImportProblem."""
    losses = Losses()
    generated = added(read_curl(wanted.command, losses), skill_id, wanted.name, disk, losses)
    return Imported(make_plan(generated, disk, split=False), losses)


def _read(wanted: ServiceImport, source: Source, description: Description, losses: Losses) -> Api:
    if wanted.kind == "lap":
        text = description.data.decode("utf-8-sig", "replace")
        return read_lap(text, losses, base_url=source.base_url, auth=source.auth)
    if wanted.kind in ("har", "postman"):
        read = read_har if wanted.kind == "har" else read_postman
        api = read(description.data, losses, source.base_url)
        return api if source.auth is None else _proven(api, dict(said_way(source.auth)))
    return read_openapi(
        description.data,
        description.address,
        description.fetch,
        losses,
        base_url=source.base_url,
        servers=source.servers,
        auth=source.auth,
    )


def _proven(api: Api, credential: dict[str, Json]) -> Api:
    """A service that was read from requests, with the way to prove calls that was chosen over what they did."""
    sent = {str(credential.get(place, "")).lower(): place for place in ("header", "query") if place in credential}
    operations = (
        replace(one, credential=None, fields=tuple(f for f in one.fields if sent.get(f.name.lower()) != f.place))
        for one in api.operations
    )
    return replace(api, auth=credential or None, operations=tuple(operations))
