"""A job that was accepted and is looked at until it is done: where to look, and what is seen. No I/O."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urljoin

from agentos_runtime.calls.evaluate import EMPTY, Value, expression_failed
from agentos_runtime.calls.failures import Service, described_failure, failure_error, words_failure
from agentos_runtime.calls.reply import service_of
from agentos_runtime.calls.requests.drafting import Draft
from agentos_runtime.calls.requests.urls import CompiledUrl, compile_url, fill_url
from agentos_runtime.calls.values import ValuePlan, plan_value
from agentos_runtime.errors import AgentOSError, UpstreamTimeout
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Auth, Literal, Poll, Skill, UrlTemplate, Utility
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.manifest.places import URL
from agentos_runtime.regexes import regex

NOT_YET = frozenset({429, 502, 503, 504})
"""Statuses of a look after which the job may well go on: it is looked at again."""
_UNFIT = regex(r"[\s\x00-\x20\x7f\\]")
LARGEST_SHOWN = 20_000
"""Bytes of a job's first reply that an error repeats."""


@dataclass(frozen=True, slots=True)
class PollPlan:
    """How one utility's jobs are followed."""

    poll: Poll
    url: CompiledUrl | str | ValuePlan
    until: ValuePlan
    failed: ValuePlan | None
    service: Service
    auth: Auth | None
    """How a look carries the credential: as the first request does, without what stands in its body."""


def plan_poll(skill: Skill, utility: Utility) -> PollPlan | None:
    """Compile a utility's polling; None when its first answer is the reply. Pure."""
    poll = utility.rest.poll
    if poll is None:
        return None
    auth = skill.auth.get(utility.credential) if utility.credential else None
    return PollPlan(
        poll=poll,
        url=_plan_url(poll, skill.definitions),
        until=plan_value(skill.definitions, poll.until),
        failed=None if poll.failed is None else plan_value(skill.definitions, poll.failed),
        service=service_of(skill, utility),
        auth=None if auth is None else _without_body(auth),
    )


def _without_body(auth: Auth) -> Auth:
    return replace(auth, templates=tuple(place for place in auth.templates if place.location != "body"))


def _plan_url(poll: Poll, definitions: str) -> CompiledUrl | str | ValuePlan:
    if isinstance(poll.url, Literal):
        return str(poll.url.value)
    return compile_url(poll.url) if isinstance(poll.url, UrlTemplate) else plan_value(definitions, poll.url)


def look(plan: PollPlan, first: Draft, said: Value, params: Mapping[str, Json]) -> Draft:
    """The request that looks at the job; `said` is what a jq url gave over the first reply.

    Its headers are the first request's, without what is about a body, and so are query fields that carry the
    credential. A relative url is relative to the first request's. Raises ExpressionFailed, InvalidParams.
    """
    url = plan.url
    if isinstance(url, ValuePlan):
        url = _absolute(url, first.url, said)
    elif isinstance(url, CompiledUrl):
        url = fill_url(url, params)
    return replace(
        first,
        method="GET",
        url=url,
        headers=tuple(pair for pair in first.headers if not pair[0].lower().startswith("content-")),
        query=tuple(pair for pair in first.query if first.placeholders.found_in(pair[1])),
        body=EMPTY,
        encoding="json",
        uploads={},
        told={URL: plan.url.expression.place} if isinstance(plan.url, ValuePlan) else {},
    )


def _absolute(plan: ValuePlan, base: str, said: Value) -> str:
    try:
        url = urljoin(base, said) if isinstance(said, str) and said else ""
    except ValueError:
        url = ""
    if origin_of(url) is None or _UNFIT.search(url):
        raise expression_failed(plan.expression, "gives no url of the job")
    return url


def job_failed(service: Service, said: Value, whole: Json, now: float) -> AgentOSError:
    """The typed error of a job that failed, in its own words. `said` is what `failed` gave."""
    own = said if isinstance(said, (str, dict)) else None
    failure = described_failure(own, now) if own else words_failure(whole, now)
    return failure_error(service, failure)


def still_running(service: Service, url: str, seconds: float) -> UpstreamTimeout:
    """The error of a job that is not done in time: nothing of it is lost."""
    return UpstreamTimeout(
        f"{service.name} has not finished the job within {seconds:g} s; it goes on there. Look at {url} later, or "
        "call with wait: false and follow it yourself"
    )


def job_details(url: str | None, first: Json) -> dict[str, Json]:
    """What an error says of the job, so that it can still be found: its url, and what the service first said."""
    known: dict[str, Json] = {"url": url} if url else {}
    if first is not None and len(dump(first)) <= LARGEST_SHOWN:
        known["reply"] = first
    return {"job": known}
