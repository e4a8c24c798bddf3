"""`agentos call --dry-run`: the very request that would be sent, its secrets masked, and the same as curl."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agentos_runtime.calls.call import Call
from agentos_runtime.cli.calls.in_process import in_process
from agentos_runtime.cli.terminal.output import dim, harmless, json_text, plain, print_json, say, style
from agentos_runtime.cli.terminal.shell import Shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.variables import variables
from agentos_runtime.runtime.preview import Preview, Secrets


async def dry_run(
    shell: Shell,
    settings: Settings,
    call: Call,
    read: Callable[[Any], dict[str, Json]],
    *,
    stream: bool,
    jsonl: bool,
) -> None:
    """Print what would be sent. `read` makes the params from the utility's schema. Raises CallFailed."""
    async with in_process(shell, settings) as backend:
        utility = await backend.utility(call.skill, call.utility)
        given = replace(call, params=read(utility["params"]))
        preview = await backend.preview(given, streaming=stream)
    curl = curl_command(preview, call.skill, utility["credential"])
    if jsonl:
        refusal = None if preview.refusal is None else preview.refusal.as_json()
        print_json({"request": preview.masked(), "curl": curl, "refusal": refusal}, pretty=False)
        return
    print_request(preview.masked())
    say()
    say(dim("As curl, with the key in a variable:" if preview.stand_ins else "As curl:"))
    say(harmless(curl))
    if preview.refusal is not None:
        say(f"{style('note:', bold=True)} it would not be sent now. {preview.refusal}", err=True)


def print_request(masked: Mapping[str, Any], indent: str = "") -> None:
    """`Preview.masked` as HTTP looks."""
    say(f"{indent}{style(masked['method'], bold=True)} {plain(masked['url'])}")
    for name, text in masked["headers"].items():
        say(f"{indent}{dim(f'{name}:')} {plain(text)}")
    body = masked["body"]
    if body is not None:
        text = body if isinstance(body, str) else json_text(body)
        say()
        say("\n".join(indent + line for line in harmless(text).splitlines()))


def curl_command(preview: Preview, skill: str, credential: str | None) -> str:
    """A line for a POSIX shell; secrets come from the variables that the runtime reads too."""
    request = preview.request
    fields = {name for secrets in preview.stand_ins.values() for name in secrets.fields if name}
    names = variables(skill, credential or "default", sorted(fields)) if fields else {}
    words = ["curl", *(["-X", request.method] if request.method != "GET" else []), _quoted(request.url)]
    for name, text in request.headers:
        words += ["-H", _quoted(f"{name}: {text}")]
    if request.body is not None:
        words += ["--data-binary", _data(request.body)]
    line = " ".join(words)
    for text, secrets in preview.stand_ins.items():
        line = line.replace(text, f"'\"{_shell_text(secrets, names)}\"'")
    return line


def _data(body: bytes) -> str:
    """The body as text; one that is no text is left to be put into a file."""
    try:
        return _quoted(body.decode("utf-8"))
    except UnicodeDecodeError:
        return "@BODY"


def _shell_text(secrets: Secrets, names: Mapping[str, str]) -> str:
    text = ":".join(f"${{{names[field]}}}" if field else "" for field in secrets.fields)
    return f"$(printf %s \"{text}\" | base64 | tr -d '\\n')" if secrets.base64 else text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
