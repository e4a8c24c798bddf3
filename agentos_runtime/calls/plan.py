"""Everything a call needs that does not depend on its params, compiled once per utility."""

from collections.abc import Mapping

from agentos_runtime.calls.deltas import StreamPlan, plan_stream
from agentos_runtime.calls.paging import PagesPlan, plan_pages
from agentos_runtime.calls.polling import PollPlan, plan_poll
from agentos_runtime.calls.reply import ReplyPlan, plan_reply
from agentos_runtime.calls.requests.judging import ParamsPlan, plan_params
from agentos_runtime.calls.requests.planning import RequestPlan, plan_request
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.inputs import Spelling
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Skill, Utility
from agentos_runtime.manifest.requests.streamed import requests_of


@dataclass(frozen=True, slots=True)
class CallPlan:
    """A utility, ready to be called."""

    skill: Skill
    utility: Utility
    request: RequestPlan
    """The plain request."""
    stream_request: RequestPlan
    """The request that asks for a stream; the plain one unless the manifest says otherwise."""
    params: ParamsPlan | None
    reply: ReplyPlan
    stream: StreamPlan | None
    pages: PagesPlan | None
    poll: PollPlan | None
    settings: Mapping[str, Json]
    """The skill's settings, the operator's values over the declared defaults."""
    spelling: Spelling
    """Of the settings, and of what params default to."""


def plan_call(skill: Skill, utility: Utility, settings: Mapping[str, Json]) -> CallPlan:
    """Compile one utility. Pure."""
    requests = [plan_request(skill, utility, rest) for rest in requests_of(utility.rest)]
    return CallPlan(
        skill=skill,
        utility=utility,
        request=requests[0],
        stream_request=requests[-1],
        params=plan_params(skill, utility.rest),
        reply=plan_reply(skill, utility),
        stream=plan_stream(skill, utility),
        pages=plan_pages(skill, utility),
        poll=plan_poll(skill, utility),
        settings=settings,
        spelling=Spelling(dump([dict(settings), dict(utility.defaults)])),
    )
