"""`agentos new`."""

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import click

from agentos_runtime.cli.terminal.output import print_json, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.jsontext import dump
from agentos_runtime.manifest.secrets.names import is_key
from agentos_runtime.manifest.secrets.shapes import holds_secret
from agentos_runtime.manifest.sections.facts import RESERVED_IDS
from agentos_runtime.skills.files import skill_folders
from agentos_runtime.storage.private_files import make_private_folder

DEFAULT_URL = "https://api.open-meteo.com/v1/forecast?latitude=52.52&longitude=13.41&current=temperature_2m"

TEMPLATE = """\
---
# A skill: what a service is and what can be done with it. Save this file and it is live.
id: {id}
name: {name}
description: Describe in one line what this skill is for

{auth}

utilities:
  get:
    description: Describe in one line what this call gives
    params:{params}
    rest:
      method: GET
      url: {url}{query}
      # What the caller gets, in jq over the body. Without it, the body as it is.
      # response:
      #   transform: '{{first: .results[0]}}'
---

# {name}

Write here what people should know about this skill.
"""

NO_KEY = """\
# When the service needs a key, replace the next line by the one below it, then run: agentos keys set {id}
auth: none
# auth: {{type: api_key, header: Authorization, prefix: "Bearer ", help_url: https://example.com/keys}}"""
KEY = """\
# The key that stood in the address is not written here. Store it: agentos keys set {id}
auth: {{type: api_key, query: {name}}}"""


@click.command()
@click.argument("skill_id", metavar="ID")
@click.option("--url", default=DEFAULT_URL, help="What to GET; the names in its query become params.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of skills to write into. [the first of AGENTOS_SKILLS, else AGENTOS_HOME/skills]",
)
@json_option
@pass_shell
def new(shell: Shell, skill_id: str, url: str, folder: Path | None, as_json: bool) -> None:
    """Write a small skill that works, with comments, at FOLDER/ID/readme.md. Never overwrites.

    \b
    Example:
      agentos new my-weather
      agentos new my-api --url 'https://api.example.com/search?q=cats'
    """
    if not re.fullmatch("[a-z][a-z0-9-]*", skill_id):
        raise click.UsageError(
            "an ID has lower-case letters, digits and hyphens, and begins with a letter: my-skill"
        )
    if skill_id in RESERVED_IDS:
        raise click.UsageError(
            f"the id {skill_id} is reserved for the runtime itself: choose another, {skill_id}-api"
        )
    settings = shell.settings()
    served = settings.skills or (settings.home / "skills",)
    target = (folder or served[0]) / skill_id / "readme.md"
    if folder is None:
        make_private_folder(settings.home)
    _write(target, manifest(skill_id, url))
    if as_json:
        print_json({"id": skill_id, "file": str(target)})
        return
    served_too = [each.path.resolve() for each in skill_folders(settings)]
    elsewhere = folder is not None and folder.resolve() not in served_too
    option = f" --skills {folder}" if elsewhere else ""
    say(f"Wrote {target}. Next:")
    say(f"  agentos check {target}")
    say(f"  agentos call {skill_id} get --dry-run{option}")
    say(f"  agentos call {skill_id} get{option}")


def manifest(skill_id: str, url: str) -> str:
    """The text of the new skill. Raises click.UsageError for a url that is none."""
    parts = _parts(url)
    if "@" in parts.netloc:
        raise click.UsageError("--url has a user name or password in it: leave it out, and write `auth`")
    if holds_secret(unquote(parts.path)) or holds_secret(parts.netloc):
        raise click.UsageError("--url has what looks like a key in its path: leave it out, and write {token} there")
    sent = parse_qsl(parts.query, True)
    keys = [name for name, _ in sent if is_key(name)]
    pairs = {_param(name): (name, value) for name, value in sent if not is_key(name)}
    query = "".join(f"\n        {_yaml(name)}: .params.{param}" for param, (name, _) in pairs.items())
    return TEMPLATE.format(
        id=skill_id,
        name=skill_id.replace("-", " ").capitalize(),
        auth=KEY.format(id=skill_id, name=_yaml(keys[0])) if keys else NO_KEY.format(id=skill_id),
        params="".join(_declared(param, *pair) for param, pair in pairs.items()) or " {}",
        url=f"{parts.scheme}://{parts.netloc}{parts.path or '/'}",
        query=f"\n      query:{query}" if query else "",
    )


def _parts(url: str) -> SplitResult:
    """Raises click.UsageError, which never quotes the url."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s{}\"'#]", url):
        raise click.UsageError("--url needs a whole url, such as https://api.example.com/search?q=cats")
    if not url.isprintable():
        raise click.UsageError("--url has a character that cannot be shown: write it percent-encoded")
    return parts


def _declared(param: str, name: str, value: str) -> str:
    """A param with what the address had as its default, unless that looks like a secret."""
    said = "required: true" if holds_secret(value, name) else f"default: {_yaml(value)}"
    return (
        f"\n      {param}:\n        type: string\n        {said}\n        description: Describe what {param} means"
    )


def _param(name: str) -> str:
    param = re.sub(r"\W", "_", name, flags=re.ASCII).lower()
    return param if param[0].isalpha() else f"q_{param}"


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Failed(f"{target} is already there and stays as it is: choose another ID, or remove it") from None
    except OSError as error:
        raise Failed(f"{target} cannot be written: {error.strerror}. Choose another --folder") from None


def _yaml(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z_]\w*", text) and text not in _WORDS else dump(text).decode()


_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "True", "False", "No", "Yes"})
