"""What a case must be beside its shape: about a utility that is there, with params that fit, without secrets."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from agentos_runtime.calls.requests.given import check_params
from agentos_runtime.errors import InvalidParams, codes
from agentos_runtime.manifest.dialects.named import LOCAL
from agentos_runtime.manifest.model import AuthTemplate, Skill, Utility
from agentos_runtime.manifest.origins import declared_origin, origin_of
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.secrets.report import report_secrets
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex
from agentos_runtime.skills.visibility import callable_name
from agentos_runtime.suggest import suggest
from agentos_runtime.testing.schema import exchanges_of, meant_keys

_IN_ERRORS = ("code", "status", "error", "upstream", "partial", "problems", "help_url")
_MESSAGE_FIX = "Write `error: …` for the sentence, or `upstream: {message: …}` for what the service said"
_STEP = regex(r'\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.\[\]]+)')


def check_case(root: Cursor, skill: Skill, report: Report) -> Utility | None:
    """Report what does not fit the skill; the utility the case is about, if there is one."""
    message = "this looks like a secret, and secrets never stand in a case"
    report_secrets(root, message, "Remove it, and if it was real, withdraw it where it came from", report)
    utility = _find_utility(root, skill, report)
    if utility is not None:
        _check_params(root, utility, report)
        _check_live(root, utility, report)
    _check_error(root, report)
    for exchange in exchanges_of(root):
        if utility is not None:
            _check_stream(exchange, utility, report)
            _check_credential(exchange, skill, utility, report)
        _check_url(exchange, skill, utility, report)
    return utility


def _find_utility(root: Cursor, skill: Skill, report: Report) -> Utility | None:
    if not isinstance(root.at("utility").json, str):
        return None  # that it is missing, or no text, is told
    name = root.text("utility") or ""
    utility = skill.utilities.get(callable_name(skill, name))
    if utility is None:
        cursor = root.at("utility")
        alone = re.split(r"[/. ]", name)[-1]
        guess = alone if alone in skill.utilities else suggest(name, skill.utilities)
        fix = f"Did you mean `{guess}`?" if guess else f"It has: {', '.join(skill.utilities) or 'none'}"
        report.error(cursor.place, f"the skill {skill.id} has no utility `{name[:60]}`", fix, cursor.length)
    return utility


def _check_live(root: Cursor, utility: Utility, report: Report) -> None:
    """What is called for real must change nothing."""
    live = root.get("live")
    if live is not None and live.json is True and utility.effect != "read":
        what = "writes" if utility.effect == "write" else "destroys"
        message = f"a live case is called for real, and `{utility.name}` {what}"
        fix = "Remove `live`; when the utility only reads, say `effect: read` there"
        report.error(live.key_place, message, fix, live.key_length)


def _check_error(root: Cursor, report: Report) -> None:
    """What no error has, so that no call can pass."""
    error = root.get("error")
    code = error.get("code") if error else None
    known = sorted({*codes()})
    if code is not None and isinstance(code.json, str) and code.json not in known:
        said = code.json.lower()
        guess = next((one for one in known if one.endswith(f"_{said}")), None) or suggest(said, known)
        fix = (
            f"Did you mean `{guess}`?"
            if guess
            else "The code of the service itself stands in `upstream: {code: …}`"
        )
        report.error(code.place, f"no error has the code `{code.json[:60]}`", fix, code.length)
    for name, cursor in error.items() if error else ():
        guess = None if name in _IN_ERRORS else suggest(name, _IN_ERRORS)
        if guess is not None or name == "message":
            fix = f"Did you mean `{guess}`?" if guess else _MESSAGE_FIX
            report.error(cursor.key_place, f"`{name[:60]}` is not a key of an error", fix, cursor.key_length)


def _check_stream(root: Cursor, utility: Utility, report: Report) -> None:
    response = root.get("response")
    events = response.get("events") if response else None
    if events is not None and not utility.streams:
        report.error(
            events.key_place,
            f"`{utility.name}` does not stream, so its upstream answers with no `events`",
            "Write `body`, or give the utility a `rest.stream`",
            events.key_length,
        )


def _check_params(root: Cursor, utility: Utility, report: Report) -> None:
    given = root.get("params")
    if given is None and "params" in meant_keys(root):
        return
    if given is not None and not isinstance(given.json, dict | None):
        return  # it is told
    params = given.json if given and isinstance(given.json, dict) else {}
    try:
        check_params(utility, {name: value for name, value in params.items() if name != "stream"})
    except InvalidParams as error:
        for problem in error.problems:
            found = (given or root).at(*_steps(problem.path))
            is_key = "is not known" in problem.message
            place, length = (found.key_place, found.key_length) if is_key else (found.place, found.length)
            report.error(place, f"the param {problem.path} {problem.message}", None, length)


def _steps(path: str) -> Iterator[str | int]:
    for index, quoted, name in _STEP.findall(path):
        yield int(index) if index else quoted or name


def _check_credential(root: Cursor, skill: Skill, utility: Utility, report: Report) -> None:
    """The credential is put on by the runtime: a case that names its place would hold a secret, or a lie."""
    request = root.get("request")
    headers = request.get("headers") if request else None
    for name, cursor in headers.items() if headers else ():
        if _goes_to(_templates(skill, utility), "header", name):
            report.error(
                cursor.key_place,
                f"the header `{name}` carries the credential, which does not stand in a case",
                "Remove it: the runtime puts the credential on",
                cursor.key_length,
            )


def _check_url(root: Cursor, skill: Skill, utility: Utility | None, report: Report) -> None:
    request = root.get("request")
    url = request.get("url") if request else None
    if url is None or not isinstance(url.json, str):
        return
    if utility is not None and url.json.startswith(LOCAL):
        return
    if origin_of(url.json) is None:
        message = "`url` must be a whole address, with a plain host"
        report.error(url.place, message, _address_fix(url.json, skill, utility), url.length)
        return
    for name, _ in parse_qsl(urlsplit(url.json).query, keep_blank_values=True):
        if utility and _goes_to(_templates(skill, utility), "query", name):
            report.error(
                url.place,
                f"`{name}` in the query carries the credential, which does not stand in a case",
                "Remove it: the runtime puts the credential on",
                url.length,
            )


def _address_fix(url: str, skill: Skill, utility: Utility | None) -> str:
    """A relative url is written out with the address of the skill."""
    base = skill.base_url or (declared_origin(utility.rest.url) if utility else None)
    if base is not None and url.startswith("/") and not url.startswith("//"):
        return f"Write {base.rstrip('/')}{url}"
    if re.match(r"[\w-]+(\.[\w-]+)+(/|\Z)", url):
        return f"Write https://{url}"
    return "Write it as https://api.example.com/v1/things?limit=2"


def _templates(skill: Skill, utility: Utility) -> tuple[AuthTemplate, ...]:
    auth = skill.auth.get(utility.credential) if utility.credential else None
    return auth.templates if auth else ()


def _goes_to(templates: tuple[AuthTemplate, ...], location: str, name: str) -> bool:
    return any(t.location == location and t.name.lower() == name.lower() for t in templates)
