"""An upstream response becomes the reply: status, error, root, transform, mapping, returns, in this order.

A response that is no 2xx, and an error inside a 200, never reach the transform.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agentos_runtime.calls.evaluate import (
    EMPTY,
    Empty,
    Value,
    expression_failed,
    expression_limit,
    expression_not_run,
    single,
    walked,
)
from agentos_runtime.calls.failures import (
    Service,
    bare_failure,
    body_failure,
    described_failure,
    empty_failure,
    failure_error,
    http_failure,
    said_status,
    worded_failure,
)
from agentos_runtime.calls.formats.probabilities import known_probabilities
from agentos_runtime.calls.formats.unread import unreadable
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.pointers import NothingThere, follow
from agentos_runtime.calls.retry_after import meant_status
from agentos_runtime.errors import AgentOSError, ReplyMismatch, UpstreamFailed, UpstreamFailure, UpstreamInvalid
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.outcome import Outcome
from agentos_runtime.jq.program import Program, reply_program, value_program
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.manifest.model import Expression, Jq, PlainPath, Response, Skill, Utility
from agentos_runtime.manifest.variables import variables
from agentos_runtime.regexes import regex

MAY_BE_EMPTY = frozenset({201, 202, 204, 205})
"""Statuses whose body may be empty (RFC 9110, 15.3): it is null then. Of any other, an empty body is no answer."""
_MENTIONS_CHOICES = regex(r"\.choices\b")


@dataclass(frozen=True, slots=True)
class ReplyPlan:
    """How one utility's replies are read; compiled once, when the skill is loaded."""

    response: Response
    service: Service
    program: Program | None
    """error, transform and those mapping fields that are no plain paths; None when Python does it all."""
    outputs: tuple[Expression, ...]
    """The expressions behind the program's outputs."""
    error_program: Program | None
    """The manifest's own `error` alone, for responses that are no 2xx."""
    needs_choices: bool
    """The reply is made of `.choices`, so a body without any is a failure and not an empty answer."""
    utility: Utility


@dataclass(frozen=True, slots=True)
class Body:
    """A 2xx body, parsed, and what is left of it after `root`."""

    whole: Json
    rooted: Json
    response: UpstreamResponse
    rootless: ReplyMismatch | None = None
    """There is nothing at `root`: raised once the manifest's own `error` was heard, which comes first."""


def service_of(skill: Skill, utility: Utility) -> Service:
    auth = skill.auth.get(utility.credential) if utility.credential else None
    if auth is None:
        return Service(skill.name, skill.id)
    names = tuple(variables(skill.id, auth.name, auth.asked).values())
    return Service(skill.name, skill.id, auth.name, auth.help_url, auth.label, names, auth.command)


def plan_reply(skill: Skill, utility: Utility) -> ReplyPlan:
    """Compile a utility's reply. Pure."""
    response = utility.rest.response
    error = response.error if isinstance(response.error, (Jq, PlainPath)) else None
    mapping = [expression for _, expression in response.mapping]
    plain = all(isinstance(expression, PlainPath) for expression in [response.transform, *mapping] if expression)
    outputs: list[Expression] = [error] if error else []
    if not plain:
        outputs += [response.transform] if response.transform else []
        outputs += _jq_mapping(response)
    program = None
    if outputs and not (plain and (error is None or isinstance(error, PlainPath))):
        program = reply_program(
            skill.definitions,
            error.source if error else None,
            None if plain or not response.transform else response.transform.source,
            [] if plain else [expression.source for expression in _jq_mapping(response)],
        )
    sources = " ".join(expression.source for expression in [error, response.transform, *mapping] if expression)
    return ReplyPlan(
        response=response,
        service=service_of(skill, utility),
        program=program,
        outputs=tuple(outputs) if program else (),
        error_program=value_program(skill.definitions, error.source) if error else None,
        needs_choices=response.error is None and bool(_MENTIONS_CHOICES.search(sources)),
        utility=utility,
    )


def _jq_mapping(response: Response) -> list[Expression]:
    return [expression for _, expression in response.mapping if isinstance(expression, Jq)]


def read_body(plan: ReplyPlan, response: UpstreamResponse, now: float) -> Body:
    """The parsed body of a 2xx response that holds no error by the default predicate.

    Raises the typed error inside a 200, and UpstreamInvalid.
    """
    empty = plan.utility.rest.method == "HEAD" or not response.body or response.body.isspace()
    if empty:
        _allow_nothing(plan, response)
        response = replace(response, body=b"null")
    whole, response = _parsed(plan, response)
    if plan.response.error is None and not _says_no_error(plan, response.body, whole):
        _default_error(plan, whole, now)
    if empty:
        return Body(None, None, response)
    if plan.response.root is None:
        return Body(whole, whole, response)
    try:
        return Body(whole, follow(plan.response.root or (), whole), response)
    except NothingThere as pointer:
        if plan.response.error is None and (failure := worded_failure(whole, now)):
            raise failure_error(plan.service, failure) from None
        place = plan.response.root_place
        where = f" ({place.position})" if place else ""
        missing = ReplyMismatch(f"{plan.service.name}'s answer has nothing at root {pointer}{where}")
        return Body(whole, None, response, missing)


def is_failed(response: UpstreamResponse) -> bool:
    """Whether the status alone says that the call failed: redirects are failures, they are never followed."""
    return not 200 <= response.status < 300


def error_input(plan: ReplyPlan, response: UpstreamResponse, settings: Mapping[str, Json]) -> bytes | None:
    """The input of `error_program` for a failed response; None when there is nothing to ask it."""
    if plan.error_program is None:
        return None
    try:
        parse(response.body)
    except JsonTextError:
        return None
    head = opening(plan.error_program, {}, settings, _head(response))
    return b"".join([head, b'"body":', response.body, b"}"])


def failed_response(
    plan: ReplyPlan, response: UpstreamResponse, outcome: Outcome | None, now: float
) -> AgentOSError:
    """The typed error of a failed response, in the words of the manifest's `error` or the default.

    Its code is that of the status, of the status that it means, or of the one that `error` gives as `status`.
    """
    failure = http_failure(response.status, response.headers, response.body, now)
    outputs = outcome.outputs[0] if outcome and outcome.outputs else None
    said = outputs[0] if isinstance(outputs, list) and outputs else None
    meant = meant_status(response.status, response.headers)
    if said:
        own = described_failure(said, now)
        wait = failure.retry_after if own.retry_after is None else own.retry_after
        failure = replace(own, status=response.status, retry_after=wait)
        meant = said_status(said) or meant
    return failure_error(plan.service, failure, meant)


def reply_input(plan: ReplyPlan, body: Body, params: dict[str, Json], settings: Mapping[str, Json]) -> bytes:
    """The program's input. The body goes in as the upstream wrote it, so that every number stays exact."""
    assert plan.program is not None
    head = opening(plan.program, params, settings, _head(body.response))
    parts = [head, b'"whole":', body.response.body]
    if plan.response.root is not None:
        parts += [b',"body":', dump(body.rooted)]
    return b"".join([*parts, b"}"])


def reply_document(
    plan: ReplyPlan, body: Body, params: dict[str, Json], settings: Mapping[str, Json]
) -> dict[str, Json]:
    """What `reply_input` says."""
    assert plan.program is not None
    head = _head(body.response) if "response" in plan.program.needs else None
    seen = known_to(plan.program, params, settings, head)
    seen["whole"] = body.whole
    if plan.response.root is not None:
        seen["body"] = body.rooted
    return seen


def known_to(
    program: Program, params: dict[str, Json], settings: Mapping[str, Json], response: Json
) -> dict[str, Json]:
    """Those of `params`, `settings`, `response` that the program mentions."""
    known: dict[str, Json] = {}
    if "params" in program.needs:
        known["params"] = params
    if "settings" in program.needs:
        known["settings"] = dict(settings)
    if "response" in program.needs:
        known["response"] = response
    return known


def opening(program: Program, params: dict[str, Json], settings: Mapping[str, Json], response: Json) -> bytes:
    """The beginning of a program's input, `{` and those of `params`, `settings`, `response` that it mentions."""
    head = dump(known_to(program, params, settings, response))
    return head[:-1] + b"," if len(head) > 2 else b"{"


def _head(response: UpstreamResponse) -> Json:
    return {"status": response.status, "headers": dict(response.headers)}


def read_reply(plan: ReplyPlan, body: Body, outcome: Outcome | None, now: float) -> Json:
    """The reply from the body and the program's outcome.

    Raises the upstream's failure when the manifest's `error` says so, ExpressionFailed, ExpressionLimit, and
    ReplyMismatch when nothing is at `root`. Whether it is what the utility returns is `check_returns`'s to say.
    """
    error = plan.response.error
    if outcome is None and error is None and body.rootless is None and not plan.utility.void:
        return _mapped(plan, body, [])
    outputs = list(outcome.outputs) if outcome else []
    expressions = list(plan.outputs)
    if error is not None and isinstance(error, (Jq, PlainPath)):
        said: Value = walked(error, body.whole) if isinstance(error, PlainPath) and not plan.program else EMPTY
        if plan.program and outputs:
            said = single(outputs.pop(0), expressions.pop(0))
        raise_error(plan.service, said, now)
    if body.rootless is not None:
        raise body.rootless
    if outcome and outcome.failure:
        raise failed_output(plan.outputs, outcome)
    if plan.utility.void:
        return None
    values = [single(output, expression) for output, expression in zip(outputs, expressions, strict=True)]
    return _mapped(plan, body, values)


def transformed(plan: ReplyPlan, outcome: Outcome) -> list[Json]:
    """What `transform` made of a body that no reply came of, which may say what was used; empty where it failed."""
    if plan.outputs[-1] is not plan.response.transform or len(outcome.outputs) < len(plan.outputs):
        return []
    made = outcome.outputs[-1]
    return made[:1] if isinstance(made, list) else []


def raise_error(service: Service, said: Value, now: float) -> None:
    """Raise what a manifest's `error` expression says; null, false and nothing are fine."""
    if isinstance(said, Empty) or said is None or said is False:
        return
    raise failure_error(service, described_failure(said, now))


def read_error(plan: ReplyPlan, outcome: Outcome, now: float) -> None:
    """Raise what `error_program` says of an answer, or that it failed."""
    error = plan.response.error
    assert isinstance(error, (Jq, PlainPath))
    if outcome.failure:
        raise failed_output([error], outcome)
    raise_error(plan.service, single(outcome.outputs[0], error), now)


def failed_output(expressions: Sequence[Expression], outcome: Outcome) -> AgentOSError:
    """The typed error of an outcome that has a failure."""
    failure = outcome.failure
    assert failure is not None
    expression = expressions[min(failure.index, len(expressions) - 1)]
    if failure.kind == "error":
        return expression_failed(expression, failure.reason)
    if failure.kind == "not_run":
        return expression_limit(expression, f"{failure.reason}, so the answer that came could not be read")
    return expression_limit(expression, failure.reason)


def failed_draft(expressions: Sequence[Expression], outcome: Outcome) -> AgentOSError:
    """The same for a request that could not be made: nothing was sent, so the call may be made again."""
    failure = outcome.failure
    assert failure is not None
    if failure.kind == "not_run":
        return expression_not_run(expressions[min(failure.index, len(expressions) - 1)], failure.reason)
    return failed_output(expressions, outcome)


def _mapped(plan: ReplyPlan, body: Body, values: list[Value]) -> Json:
    response = plan.response
    if response.transform is None and not response.mapping:
        return body.rooted
    queue = list(values)
    result: Json = body.rooted
    if response.transform is not None:
        given = queue.pop(0) if plan.program and queue else _plain(response.transform, body.rooted)
        result = _needed(response.transform, given)
    if not response.mapping:
        return result
    fields: dict[str, Json] = {}
    for name, expression in response.mapping:
        if isinstance(expression, PlainPath):
            fields[name] = walked(expression, result)
        else:
            fields[name] = _needed(expression, queue.pop(0))
    return fields


def _plain(expression: Expression, document: Json) -> Value:
    assert isinstance(expression, PlainPath)
    return walked(expression, document)


def _needed(expression: Expression, value: Value) -> Json:
    if isinstance(value, Empty):
        raise expression_failed(expression, "gives no output where one is needed")
    return value


def _parsed(plan: ReplyPlan, response: UpstreamResponse) -> tuple[Json, UpstreamResponse]:
    try:
        return parse(response.body), response
    except JsonTextError as error:
        if (text := known_probabilities(response.body)) is not None:
            return parse(text), replace(response, body=text)
        raise unreadable(plan.service, plan.utility, response, str(error)) from None


def _allow_nothing(plan: ReplyPlan, response: UpstreamResponse) -> None:
    """An empty body is an answer only where the status, the method or the manifest says that nothing comes."""
    expected = plan.utility.void or plan.response.empty_ok or plan.utility.rest.method == "HEAD"
    if expected or response.status in MAY_BE_EMPTY:
        return
    raise UpstreamInvalid(
        f"{plan.service.name} answered {response.status} with an empty body. If that is how it says that all is "
        "well, its manifest needs `returns: void` or `response.empty: ok`",
        upstream=UpstreamFailure(status=response.status, message="the body is empty"),
    )


def _says_no_error(plan: ReplyPlan, text: bytes, whole: Json) -> bool:
    """Whether a body's text alone shows that the default predicate finds nothing in it: quickly told."""
    if b"error" in text or b"ERROR" in text or b"\\u" in text:
        return False
    return not plan.needs_choices or has_choice(whole)


def _default_error(plan: ReplyPlan, whole: Json, now: float) -> None:
    failure = body_failure(whole, now) or (worded_failure(whole, now) if plan.needs_choices else None)
    if failure is not None:
        raise failure_error(plan.service, failure)
    if plan.needs_choices and not has_choice(whole):
        if bare := bare_failure(whole, now):
            raise failure_error(plan.service, bare)
        empty = empty_failure(whole, now)
        why = f": {empty.message}" if empty.message else ""
        raise UpstreamFailed(
            f"{plan.service.name} answered without any choices, so there is no reply{why}",
            upstream=replace(empty, message=empty.message or "the answer has no choices"),
        )


def has_choice(whole: Json) -> bool:
    """Whether the first choice is there and says something: a message, a delta or a text."""
    choices = whole.get("choices") if isinstance(whole, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        return False
    return any(isinstance(first.get(name), (dict, str)) for name in ("message", "delta", "text"))


def check_returns(utility: Utility, reply: Json) -> None:
    """Raises ReplyMismatch when the reply is not what the utility says it returns."""
    if utility.reply_shape is None:
        return
    problems = utility.reply_shape.problems(reply)
    if problems:
        first = problems[0]
        raise ReplyMismatch(
            f"The reply does not match what {utility.place.key} says it returns: "
            f"{first.path or 'the reply'} {first.message} ({utility.place.position})",
            problems=problems,
        )
