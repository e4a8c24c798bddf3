"""Values become a Skill. Nothing here fails: what cannot be read has been reported, and is left out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.headers.places import check_idempotency_use
from agentos_runtime.manifest.model import Auth, Effect, Utility
from agentos_runtime.manifest.params import read_params
from agentos_runtime.manifest.parts import report_taken
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.sections.auth import check_mentions, credential_of, read_auth, settle
from agentos_runtime.manifest.sections.definitions import read_definitions
from agentos_runtime.manifest.sections.expressions import auth_fields
from agentos_runtime.manifest.sections.probe import check_probes
from agentos_runtime.manifest.sections.reading import EVERY_UTILITY, Found, Reading, Scope
from agentos_runtime.manifest.sections.rest import read_rest
from agentos_runtime.manifest.sections.returns import read_returns, read_strictness
from agentos_runtime.manifest.sections.runtime_params import with_runtime_params
from agentos_runtime.manifest.sections.shared import read_shared, without_credential
from agentos_runtime.manifest.sections.urls import address_fix, address_problem, template_parts
from agentos_runtime.manifest.yaml.values import Cursor

_STAND_IN = "https://stand-in.invalid"
"""For a base url that was refused, so that the urls after it are not blamed for it."""
LATER_EXECUTORS = ("graphql", "sql", "command", "steps")
EXECUTORS = ("rest", *LATER_EXECUTORS)
"""What a utility calls with."""
RESERVED_UTILITY = "use"
_API_NAMES = frozenset({"api", "base_url", "baseUrl", "servers", "server", "service", "host"})
"""What `api` is called, rightly or not."""
_BY_METHOD: Mapping[str, Effect] = {"GET": "read", "HEAD": "read", "DELETE": "destroy"}


def read_callables(
    root: Cursor, others: Sequence[Cursor], report: Report, *, lenient: bool = False
) -> tuple[dict[str, Any], Mapping[str, Cursor], Reading]:
    """What calls use of a Skill, as its keyword arguments; where each utility stands; what was met while reading.

    `others` are the roots of the skill's parts. `lenient`: see `Reading`.
    """
    definitions = read_definitions((root, *others), report)
    base_url = _base_url(root, report)
    reading = Reading(
        report,
        definitions.used_by,
        definitions.auth_of,
        definitions.names,
        base_url,
        strict_returns=read_strictness(root),
        lenient=lenient,
    )
    reading.checks.extend(definitions.checks)
    auth = read_auth(root, report)
    declared = _declared_utilities((root, *others), report)
    reading = replace(reading, shared=read_shared(root, declared.values(), reading))
    utilities, mentioned = _read_utilities(declared, auth, reading)
    check_probes(root, declared, utilities, report)
    values = {
        "utilities": utilities,
        "gone": {name: text for name, cursor in declared.items() if (text := cursor.text("gone"))},
        "auth": settle(auth, mentioned, reading) if utilities else auth,
        "definitions": definitions.text,
        "base_url": base_url,
        "settings": _read_settings(root),
    }
    return values, declared, reading


def _base_url(root: Cursor, report: Report) -> str | None:
    """As it is written; what is wrong with it is reported here, and not at every url that stands after it."""
    api = root.get("api")
    cursor = api.get("base_url") if api else None
    if cursor is None or not isinstance(cursor.json, str):
        refused = any(report.has_error_under(name) for name, _ in root.items() if name in _API_NAMES)
        return _STAND_IN if refused else None
    problem = address_problem(cursor.json)
    if problem and not report.has_error_under("api"):
        report.error(cursor.place, f"this url {problem}", address_fix(problem), cursor.length)
    return _STAND_IN if problem or report.has_error_under("api") else cursor.json


def _declared_utilities(roots: Sequence[Cursor], report: Report) -> dict[str, Cursor]:
    declared: dict[str, Cursor] = {}
    for root in roots:
        below = root.get("utilities")
        for name, cursor in below.items() if below else ():
            if name == RESERVED_UTILITY:
                message = f"the name `{name}` is reserved: agents are limited by it"
                report.error(cursor.key_place, message, f"Write another, such as `{name}_it`", cursor.key_length)
            earlier = declared.setdefault(name, cursor)
            if earlier is not cursor:
                report_taken(cursor, earlier, "utility", report)
    return declared


def _read_settings(root: Cursor) -> dict[str, Json]:
    """Each setting's default; null without one."""
    declared = root.get("settings")
    defaults = ((name, cursor.get("default")) for name, cursor in declared.items()) if declared else ()
    return {name: default.json if default else None for name, default in defaults}


def _read_utilities(
    declared: Mapping[str, Cursor], auth: Mapping[str, Auth], reading: Reading
) -> tuple[dict[str, Utility], dict[str, frozenset[str]]]:
    """The utilities that can be called, and per credential the fields that expressions mention."""
    utilities: dict[str, Utility] = {}
    mentioned: dict[str, frozenset[str]] = {}
    of_all = tuple(found for found in reading.found if found.utility == EVERY_UTILITY)
    if not auth:
        _check_auth_mentions(EVERY_UTILITY, reading, of_all, None)
    for name, cursor in declared.items():
        before = len(reading.found)
        utility = _read_utility(name, cursor, auth, reading)
        if utility is not None:
            utilities[name] = utility
        credential = credential_of(cursor, auth, Report()) if utility is None else utility.credential
        if credential is None and cursor.get("credential") is not None:
            continue
        own = reading.found[before:]
        if credential is not None:
            own += of_all
        fields = _check_auth_mentions(name, reading, own, auth.get(credential or ""))
        if credential is not None:
            mentioned[credential] = mentioned.get(credential, frozenset()) | fields
    return utilities, mentioned


def _check_auth_mentions(
    utility: str, reading: Reading, expressions: Iterable[Found], auth: Auth | None
) -> frozenset[str]:
    quiet = Scope(Reading(Report()), utility, {})
    fields: frozenset[str] = frozenset()
    for found in expressions:
        if found.side == "request":
            names = auth_fields(found.cursor, found.source, quiet)
            check_mentions(found.cursor, names, auth, Scope(reading, utility, {}))
            fields |= names | reading.auth_of(found.source)
    return fields


def _read_utility(name: str, cursor: Cursor, auth: Mapping[str, Auth], reading: Reading) -> Utility | None:
    report = reading.report
    params = read_params(cursor, report)
    declared = params.schema["properties"]
    scope = Scope(reading, name, declared if isinstance(declared, dict) else {})
    credential = credential_of(cursor, auth, report)
    returns = read_returns(cursor, of_each=reading.lenient)
    web_url = cursor.get("web_url")
    if web_url is not None and isinstance(web_url.json, str):
        template_parts(web_url, web_url.json, scope, strict=True)
    executor = cursor.get("rest")
    if cursor.get("gone") is not None:
        _report_gone_executor(cursor, report)
        return None
    if executor is None:
        _report_no_executor(name, cursor, report)
        return None
    _report_second_executor(cursor, report)
    shared = reading.shared if credential is not None else without_credential(reading.shared)
    rest = read_rest(executor, scope, shared)
    if rest is None:
        return None
    check_idempotency_use(executor, rest, auth.get(credential or ""), report)
    params, runtime_params = with_runtime_params(params, rest)
    return Utility(
        name=name,
        description=(cursor.text("description") or "").strip(),
        params=params.schema,
        shape=params.shape,
        defaults=params.defaults,
        returns=returns.schema,
        reply_shape=returns.shape,
        void=returns.void,
        rest=rest,
        credential=credential,
        web_url=cursor.text("web_url"),
        place=cursor.key_place,
        effect=_effect(cursor, str(rest.method), report),
        runtime_params=runtime_params,
        files=params.files,
        strict_returns=read_strictness(cursor, reading.strict_returns),
    )


def _effect(cursor: Cursor, method: str, report: Report) -> Effect:
    """What the author says of a call, or what its method lets expect (RFC 9110, 9.2)."""
    written = cursor.get("effect")
    said = _BY_METHOD.get(method, "write") if written is None else written.json
    if written is not None and said == "read" and method in ("DELETE", "PUT", "PATCH"):
        message = f"a {method} that only reads is unusual, and what only reads may be called without asking anybody"
        report.warning(written.place, message, "Remove `effect` if the call changes anything", written.length)
    return said if said in ("read", "destroy") else "write"  # type: ignore[return-value]  # narrowed by the test


def _report_no_executor(name: str, cursor: Cursor, report: Report) -> None:
    for executor in LATER_EXECUTORS:
        later = cursor.get(executor)
        if later is not None:
            message = f"`{executor}` is not supported yet: `{name}` cannot be called"
            report.warning(later.key_place, message, "Use `rest`, or wait", later.key_length)
            return
    if isinstance(cursor.json, dict) and not report.has_error_under(cursor.path):
        fix = "Add `rest: {method: …, url: …}`"
        report.error(cursor.key_place, f"`{name}` does not say what it calls", fix, cursor.key_length)


def _report_gone_executor(cursor: Cursor, report: Report) -> None:
    for executor in EXECUTORS:
        kept = cursor.get(executor)
        if kept is not None:
            message = f"a utility that is gone calls nothing: `gone` and `{executor}` exclude each other"
            report.error(kept.key_place, message, "Remove one of the two", kept.key_length)


def _report_second_executor(cursor: Cursor, report: Report) -> None:
    for executor in LATER_EXECUTORS:
        second = cursor.get(executor)
        if second is not None:
            message = f"a utility has one executor: `rest` and `{executor}` cannot both be it"
            report.error(second.key_place, message, "Keep one", second.key_length)
