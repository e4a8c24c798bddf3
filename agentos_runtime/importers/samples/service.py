"""Several requests that were made become an Api: one service, an operation for each different call."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from agentos_runtime.importers.api import Api, ImportProblem, Losses, Operation
from agentos_runtime.importers.messages import snake
from agentos_runtime.importers.names.routes import route
from agentos_runtime.importers.samples.credentials import Credential
from agentos_runtime.importers.samples.operations import ReadSample, read_sample
from agentos_runtime.importers.samples.request import Sample
from agentos_runtime.jsontext import Json


def read_samples(
    samples: Sequence[Sample], title: str, description: str, losses: Losses, base_url: str | None = None
) -> Api:
    """The service that most requests call; calls of others keep their own address. Raises ImportProblem."""
    read: dict[tuple[str, str, str], ReadSample] = {}
    for sample in samples:
        try:
            found = read_sample(sample, losses)
        except ImportProblem as problem:
            losses.add(f"a request cannot be imported: {problem}", sample.name)
            continue
        key = (found.origin, *route(found.operation.method, found.operation.path))
        if key in read:
            losses.add("the same call was made several times: the first is imported", found.operation.label)
        read.setdefault(key, found)
    if not read:
        raise ImportProblem("; ".join(["No request in it can be imported", *losses.lines()]))
    origins = Counter(one.origin for one in read.values())
    most = max(origins, key=lambda origin: origins[origin])
    usual = base_url.rstrip("/") if base_url else most
    if base_url:
        read = {key: _moved(one, most, usual) for key, one in read.items()}
    auth, names = _credentials([one.credential for one in read.values()], losses)
    operations = [_operation(one, usual, names, bool(auth)) for one in read.values()]
    return Api(
        title or urlsplit(usual).hostname or "", description, "", usual, tuple(_one_each(operations, losses)), auth
    )


def _moved(one: ReadSample, origin: str, base_url: str) -> ReadSample:
    """The request of the usual service where `--base-url` says that this is."""
    at = urlsplit(base_url)
    new = f"{at.scheme}://{at.netloc}"
    path = one.operation.path
    if one.origin not in (origin, new) or (one.origin == new and not path.startswith(f"{at.path}/")):
        return one
    path = path.removeprefix(at.path) if path.startswith(f"{at.path}/") else path
    return replace(one, operation=replace(one.operation, path=path), origin=base_url)


def _one_each(operations: Sequence[Operation], losses: Losses) -> list[Operation]:
    """The same path of two hosts cannot be told apart by what is called: the first stays."""
    found: dict[tuple[str, str], Operation] = {}
    for one in operations:
        here = route(one.method, one.path)
        if here in found:
            losses.add("two hosts have this path: the first is imported", one.label)
        found.setdefault(here, one)
    return [*found.values()]


def _operation(one: ReadSample, usual: str, names: Sequence[tuple[Credential, str]], has_auth: bool) -> Operation:
    name = next((name for credential, name in names if credential == one.credential), None)
    credential = (None if name == "default" else name) if name else ("" if has_auth else None)
    return replace(one.operation, credential=credential, base_url=one.origin if one.origin != usual else None)


def _credentials(found: Sequence[Credential | None], losses: Losses) -> tuple[Json, list[tuple[Credential, str]]]:
    """What `auth` says, and the name of each credential; the most used is the usual one."""
    different: list[Credential] = []
    for one in found:
        if one is not None and one not in different:
            different.append(one)
    different.sort(key=lambda one: -found.count(one))
    if len(different) < 2:
        return (different[0], [(different[0], "default")]) if different else (None, [])
    names = ["default"]
    for one in different[1:]:
        place = next((str(one[key]) for key in ("header", "query", "type") if isinstance(one.get(key), str)), "key")
        name = snake(place) or "key"
        names.append(name if name not in names else f"{name}_{len(names) + 1}")
    auth: dict[str, Json] = {"credentials": {name: {**one} for one, name in zip(different, names, strict=True)}}
    return auth, list(zip(different, names, strict=True))
