"""What a program of this machine is asked, as one JSON object: what a case says, what is shown, what is run.

`sql`: `{query, database, attach, params}`. `command`: `{binary, args, env, stdin}`. `python`: `{module, function,
args}`. Paths are as the file says them, their params filled in.
"""

from collections.abc import Iterator, Mapping

from agentos_runtime.calls.requests.urls import HALF, has_half
from agentos_runtime.errors import InvalidParams, NotAvailable, ParamProblem
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import DatabasePath, Local, PathPart

_SPLIT = frozenset(" \t\r\n*?[]{}~\\")
_LONGEST = 120_000
"""Bytes of one word or variable that the kernel hands to a program."""


def local_body(
    local: Local,
    drafted: Json,
    params: Mapping[str, Json],
    settings: Mapping[str, Json],
    platform: str,
) -> dict[str, Json]:
    """The whole of what is asked. `drafted` is what expressions gave.

    Raises InvalidParams for a value that could become more than a value, NotAvailable where the file names no
    database for this platform.
    """
    given = drafted if isinstance(drafted, dict) else {}
    if local.executor == "sql":
        body: dict[str, Json] = {**local.fixed}
        paths = {name: _path(name, path, params, settings, platform) for name, path in local.databases.items()}
        body["database"] = paths.pop("")
        values = given.get("params")
        for value in values.values() if isinstance(values, dict) else ():
            _whole(value)
        return body | ({"attach": {**paths}} if paths else {}) | _kept(given, "params")
    if local.executor == "python":
        return {**local.fixed, "args": given.get("args", {})}
    return _command(local, given)


def _kept(given: Mapping[str, Json], name: str) -> dict[str, Json]:
    return {name: given[name]} if given.get(name) else {}


def _command(local: Local, given: Mapping[str, Json]) -> dict[str, Json]:
    own, env = given.get("args"), given.get("env")
    args = [*_arguments(local, own if isinstance(own, dict) else {})]
    variables = {name: _text(value) for name, value in env.items()} if isinstance(env, dict) else {}
    for name, text in variables.items():
        _check(local, name, text, is_text=True, options=())
    body: dict[str, Json] = {**local.fixed, "args": [*args]}
    if variables:
        body["env"] = {**variables}
    stdin = given.get("stdin")
    return body if stdin is None else body | {"stdin": _whole(_text(stdin))}


def _arguments(local: Local, given: Mapping[str, Json]) -> Iterator[str]:
    for index, argument in enumerate(local.arguments):
        if argument.text is not None:
            yield argument.text
            continue
        value = given.get(str(index))
        if value is None:
            if argument.is_numbered:
                yield ""
            continue
        text = _text(value)
        _check(local, str(index), text, is_text=isinstance(value, str), options=argument.options)
        yield text


def _text(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else dump(value).decode()


def _whole(value: Json) -> Json:
    """The value. Raises InvalidParams for a text that no program, file or database can be given."""
    if isinstance(value, str) and has_half(value):
        raise _refused(HALF)
    return value


def _check(local: Local, name: str, text: str, *, is_text: bool, options: tuple[str, ...]) -> None:
    if "\0" in text:
        raise _refused("has a zero byte, and is handed to a program")
    _whole(text)
    if len(text.encode("utf-8", "replace")) > _LONGEST:
        raise _refused(f"is longer than {_LONGEST} bytes, and is handed to a program")
    if is_text and name in local.no_option and text.startswith("-") and not text.startswith(options or "\0"):
        raise _refused("begins with `-` where a program would take it for an option")
    if name in local.no_splitting and _SPLIT & {*text}:
        raise _refused("has spaces or one of * ? [ ] { } ~ \\ where a shell would split or expand it")


def _refused(message: str) -> InvalidParams:
    return InvalidParams(f"A param {message}", problems=[ParamProblem("params", message)])


def _path(
    name: str,
    path: DatabasePath,
    params: Mapping[str, Json],
    settings: Mapping[str, Json],
    platform: str,
) -> str:
    parts = path.on(platform)
    if parts is None:
        where = f"the database `{name}`" if name else "its database"
        raise NotAvailable(f"It is not said where {where} lies on {platform}: its file names it for others only")
    text = "".join(part if isinstance(part, str) else _piece(part, params, settings) for part in parts)
    if any(segment in (".", "..") for segment in text.split("/")):
        raise _refused("would lead out of the folder of a database")
    return text


def _piece(part: PathPart, params: Mapping[str, Json], settings: Mapping[str, Json]) -> str:
    value = (params if part.source == "params" else settings).get(part.name)
    if part.source == "settings":
        if not isinstance(value, str) or not value.startswith(("~/", "/")):
            raise NotAvailable(
                f"The setting `{part.name}` is no whole path of a database: set it in config.toml, to one that "
                "begins with / or ~/"
            )
        return value
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if not text or "/" in text or "\0" in text or has_half(text) or text in (".", ".."):
        raise InvalidParams(
            f"{part.name} is one name in a path",
            problems=[ParamProblem(part.name, "must be one name, without / and no . or ..")],
        )
    return text
