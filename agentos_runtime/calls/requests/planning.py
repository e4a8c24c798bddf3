"""How a utility's requests are built, known before there is a call."""

from collections.abc import Iterator, Mapping, Sequence

from agentos_runtime.calls.evaluate import Evaluator, Slots, evaluator, jq_nodes
from agentos_runtime.calls.requests.placeholders import Samples
from agentos_runtime.calls.requests.urls import CompiledUrl, compile_url, slashes_of, url_text
from agentos_runtime.diagnostics import Place
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.program import Program, compared_program, request_program
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.headers.names import header_problem, value_problem
from agentos_runtime.manifest.mentions import has_the_word
from agentos_runtime.manifest.model import Auth, Jq, Literal, PlainPath, Rest, Skill, UrlTemplate, Utility
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.manifest.places import expressions_at, placements


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """How one utility's requests are built; compiled once, when the skill is loaded."""

    rest: Rest
    program: Program | None
    """All jq of the request in one program; None when there is none."""
    nodes: tuple[Jq, ...]
    """The expressions behind the program's outputs."""
    url_program: Program | None
    """The url alone, for the comparison with plain letters; None for a literal url."""
    url: CompiledUrl | str | int
    """A template, a literal, or the output that gives it."""
    headers: Evaluator
    query: Evaluator
    body: Evaluator | None
    stream_body: Evaluator | None
    body_extra: Evaluator | None
    auth: Auth | None
    places: frozenset[str]
    """Where the credential may stand, as in the skill's authority: `header:x-key`, `url`, `body:token`."""
    spots: Mapping[str, Place]
    """What the manifest says of each place that an expression fills."""
    samples: Samples | None
    """Made-up credentials, when an expression may mean the credential; `program` then runs over all of them."""
    rooted: bool
    """Whether a plain path gives all that expressions see, or the credential."""
    chosen: frozenset[str]
    """Params of a list of choices: the author knows all of their values."""
    named: frozenset[str]
    """Headers that requests have, those of them that may be set."""
    slashes: Mapping[str, frozenset[int]]
    """How many slashes a param has that the author shows with some (`owner/repo`): see `slashes_of`."""
    needed: frozenset[str]
    """Params that stand in a jq url as they are."""
    sees_auth: bool
    """Whether anything that is evaluated may be given the credential's placeholders."""
    origin: str | None
    """Of a literal url."""
    fixed_headers: tuple[tuple[str, str], ...] | None
    """The headers, where they are the same for every call and can be sent."""

    def unset(self, params: Mapping[str, Json]) -> tuple[str, ...]:
        """The params that leave a hole in a jq url."""
        return tuple(sorted(name for name in self.needed if params.get(name) is None)) if self.needed else ()


def plan_request(skill: Skill, utility: Utility, rest: Rest) -> RequestPlan:
    """Compile a request of a utility, `rest`: see `requests_of`. Pure; raises nothing for a skill that loaded."""
    streamed = rest.stream.body if rest.stream else None
    roots = [rest.url, rest.headers, rest.query, rest.body, streamed, rest.body_extra]
    nodes = tuple(node for root in roots if not isinstance(root, UrlTemplate) for node in jq_nodes(root))
    slots: Slots = {node: index for index, node in enumerate(nodes)}
    sources = [node.source for node in nodes]
    auth = skill.auth.get(utility.credential) if utility.credential else None
    samples = _samples(skill, auth, nodes)
    program = compared_program if samples else request_program
    placed = [*expressions_at(rest)]
    rooted = any(isinstance(one, PlainPath) and one.steps[:1] in ((), ("auth",)) for _, one in placed)
    keep = rest.keep_null
    return RequestPlan(
        rest=rest,
        program=program(skill.definitions, sources) if nodes else None,
        nodes=nodes,
        url_program=request_program(skill.definitions, sources[:1]) if isinstance(rest.url, Jq) else None,
        url=_plan_url(rest, slots),
        headers=evaluator(rest.headers, slots, keep),
        query=evaluator(rest.query, slots, keep),
        body=None if rest.body is None else evaluator(rest.body, slots, keep),
        stream_body=None if streamed is None else evaluator(streamed, slots, keep),
        body_extra=None if rest.body_extra is None else evaluator(rest.body_extra, slots, keep),
        auth=auth,
        places=placements(auth, rest) if auth else frozenset(),
        spots={place: expression.place for place, expression in reversed(placed)},
        samples=samples,
        rooted=rooted,
        chosen=frozenset(_chosen(utility)),
        named=frozenset(name for name in _named(rest, auth) if header_problem(name) is None),
        slashes=slashes_of(utility.params),
        needed=rest.url.needed if isinstance(rest.url, Jq) else frozenset(),
        sees_auth=rooted or bool(nodes),
        origin=origin_of(str(rest.url.value)) if isinstance(rest.url, Literal) else None,
        fixed_headers=_fixed_headers(rest),
    )


def _fixed_headers(rest: Rest) -> tuple[tuple[str, str], ...] | None:
    """None also where one cannot be sent: that is found when it is to be."""
    pairs: list[tuple[str, str]] = []
    for name, node in rest.headers.entries:
        text = url_text(node.value) if isinstance(node, Literal) else None
        if text is None or value_problem(text) is not None:
            return None
        pairs.append((name, text))
    return tuple(pairs)


def _samples(skill: Skill, auth: Auth | None, nodes: Sequence[Jq]) -> Samples | None:
    """Made for what expressions and definitions say; None when none of them can mean the credential."""
    sources = [*(node.source for node in nodes), skill.definitions]
    if auth is None or not auth.fields or not nodes or not any(map(has_the_word, sources)):
        return None
    return Samples.of(auth.fields, sources)


def _named(rest: Rest, auth: Auth | None) -> Iterator[str]:
    """The headers that are named before there is a call."""
    yield "Content-Type"
    yield from (name for name, _ in rest.headers.entries)
    yield from (each.name for each in (auth.templates if auth else ()) if each.location == "header")


def _chosen(utility: Utility) -> Iterator[str]:
    yield from utility.deciding
    declared = utility.params.get("properties")
    for name, schema in declared.items() if isinstance(declared, dict) else ():
        if isinstance(schema, dict) and "enum" in schema:
            yield name


def _plan_url(rest: Rest, slots: Slots) -> CompiledUrl | str | int:
    if isinstance(rest.url, Literal):
        return str(rest.url.value)
    return compile_url(rest.url) if isinstance(rest.url, UrlTemplate) else slots[rest.url]
