"""`agentos new`."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import click

from agentos_runtime.jsontext import dump
from agentos_runtime.private_files import make_private_folder
from agentos_runtime.surfaces.cli.output import print_json
from agentos_runtime.surfaces.cli.shell import Failed, Shell, json_option, pass_shell

DEFAULT_URL = "https://api.open-meteo.com/v1/forecast?latitude=52.52&longitude=13.41&current=temperature_2m"

TEMPLATE = """\
---
# A skill: what a service is and what can be done with it. Save this file and it is live.
id: {id}
name: {name}
description: Describe in one line what this skill is for

# When the service needs a key, replace the next line by the three below it, then run: agentos keys set {id}
auth: none
# auth: {{type: api_key, header: Authorization, prefix: "Bearer ", help_url: https://example.com/keys}}

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
    settings = shell.settings()
    served = settings.skills or (settings.home / "skills",)
    target = (folder or served[0]) / skill_id / "readme.md"
    if folder is None:
        make_private_folder(settings.home)
    _write(target, manifest(skill_id, url))
    if as_json:
        print_json({"id": skill_id, "file": str(target)})
        return
    elsewhere = folder is not None and folder.resolve() not in [path.resolve() for path in served]
    option = f" --skills {folder}" if elsewhere else ""
    click.echo(f"Wrote {target}. Next:")
    click.echo(f"  agentos check {target}")
    click.echo(f"  agentos call {skill_id} get --dry-run{option}")
    click.echo(f"  agentos call {skill_id} get{option}")


def manifest(skill_id: str, url: str) -> str:
    """The text of the new skill. Raises click.UsageError for a url that is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s{}\"'#]", url):
        raise click.UsageError("--url needs a whole url, such as https://api.example.com/search?q=cats")
    pairs = {_param(name): (name, value) for name, value in parse_qsl(parts.query, True)}
    params = "".join(
        f"\n      {param}:\n        type: string\n        default: {_yaml(value)}"
        f"\n        description: Describe what {param} means"
        for param, (_, value) in pairs.items()
    )
    query = "".join(f"\n        {_yaml(name)}: .params.{param}" for param, (name, _) in pairs.items())
    return TEMPLATE.format(
        id=skill_id,
        name=skill_id.replace("-", " ").capitalize(),
        params=params or " {}",
        url=f"{parts.scheme}://{parts.netloc}{parts.path or '/'}",
        query=f"\n      query:{query}" if query else "",
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
