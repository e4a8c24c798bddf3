"""Several requests that were made become an Api: one service, an operation for each different call."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import Api, ImportProblem, Losses, Operation
from agentos_runtime.importers.messages import snake
from agentos_runtime.importers.names.routes import route
from agentos_runtime.importers.samples.credentials import Credential
from agentos_runtime.importers.samples.operations import ReadSample, read_sample
from agentos_runtime.importers.samples.request import Sample
from agentos_runtime.importers.samples.telling_apart import told_apart
from agentos_runtime.jsontext import Json


def read_samples(
    samples: Sequence[Sample], title: str, description: str, losses: Losses, base_url: str | None = None
) -> Api:
    """The service that most requests call; calls of others keep their own address. Raises ImportProblem."""
    read: dict[tuple[str, str, str], ReadSample] = {}
    for found in told_apart(_read(samples, losses)):
        key = (found.origin, *route(found.operation.method, found.operation.path))
        if key in read:
            losses.add("the same call was made several times: the first is imported", found.operation.label)
        read.setdefault(key, found)
    if not read:
        raise ImportProblem("; ".join(["No request in it can be imported", *losses.lines()]))
    origins = Counter(one.origin for one in read.values())
    most = max(origins, key=lambda origin: origins[origin])
    usual = base_url.rstrip("/") if base_url else most
    moved = [_moved(one, most, usual) for one in read.values()] if base_url else [*read.values()]
    kept = _one_each(moved, losses)
    proofs = _proofs(kept)
    names = _names(proofs)
    auth: Json = {"credentials": dict(zip(names, (one.credential for one in proofs), strict=True))}
    if len(proofs) < 2:
        auth = proofs[0].credential if proofs else None
    called = {id(one): name for name, proof in zip(names, proofs, strict=True) for one in proof.samples}
    operations = tuple(_operation(one, usual, called.get(id(one)), bool(proofs)) for one in kept)
    return Api(title or urlsplit(usual).hostname or "", description, "", usual, operations, auth)


def _read(samples: Sequence[Sample], losses: Losses) -> Iterator[ReadSample]:
    for sample in samples:
        try:
            yield read_sample(sample, losses)
        except ImportProblem as problem:
            losses.add(f"a request cannot be imported: {problem}", sample.name)


def _moved(one: ReadSample, origin: str, base_url: str) -> ReadSample:
    """The request of the usual service where `--base-url` says that this is."""
    at = urlsplit(base_url)
    new = f"{at.scheme}://{at.netloc}"
    path = one.operation.path
    if one.origin not in (origin, new) or (one.origin == new and not path.startswith(f"{at.path}/")):
        return one
    path = path.removeprefix(at.path) if path.startswith(f"{at.path}/") else path
    return replace(one, operation=replace(one.operation, path=path), origin=base_url)


def _one_each(read: Sequence[ReadSample], losses: Losses) -> list[ReadSample]:
    """The same path of two hosts cannot be told apart by what is called: the first stays."""
    found: dict[tuple[str, str], ReadSample] = {}
    for one in read:
        here = route(one.operation.method, one.operation.path)
        if here in found:
            losses.add("two hosts have this path: the first is imported", one.operation.label)
        found.setdefault(here, one)
    return [*found.values()]


def _operation(one: ReadSample, usual: str, name: str | None, has_auth: bool) -> Operation:
    credential = (None if name == "default" else name) if name else ("" if has_auth else None)
    return replace(one.operation, credential=credential, base_url=one.origin if one.origin != usual else None)


@dataclass(slots=True)
class _Proof:
    """One credential: what one host is proved alike with, and others with the very same secret."""

    credential: Credential
    samples: list[ReadSample]

    def is_of(self, one: ReadSample) -> bool:
        return one.credential == self.credential and any(
            one.origin == other.origin or one.proofs & other.proofs for other in self.samples
        )


def _proofs(read: Iterable[ReadSample]) -> list[_Proof]:
    """The credentials, the most used first: what is given for one host goes to no other that had another secret."""
    found: list[_Proof] = []
    for one in read:
        if one.credential is None:
            continue
        proof = next((proof for proof in found if proof.is_of(one)), None)
        if proof is None:
            found.append(_Proof(one.credential, [one]))
        else:
            proof.samples.append(one)
    return sorted(found, key=lambda proof: -len(proof.samples))


def _names(proofs: Sequence[_Proof]) -> list[str]:
    """What each is called: by where its secret goes, and by its host where it goes there for several."""
    names: list[str] = []
    for proof in proofs:
        one = proof.credential
        place = next((str(one[key]) for key in ("header", "query", "type") if isinstance(one.get(key), str)), "key")
        alike = any(one == other.credential for other in proofs[: len(names)])
        host = urlsplit(proof.samples[0].origin).hostname or ""
        name = ("default" if not names else snake(host if alike else place)) or "key"
        name = name if name[0].isalpha() else f"host_{name}"
        names.append(name if name not in names else f"{name}_{len(names) + 1}")
    return names
