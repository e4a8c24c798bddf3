"""`agentos new`."""

import re
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import click

from agentos_runtime import jsontext
from agentos_runtime.cli.terminal.bundled import say_if_bundled
from agentos_runtime.cli.terminal.output import plain, print_json, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.starting import Started, started
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.sections.facts import RESERVED_IDS
from agentos_runtime.skills.descriptions import download
from agentos_runtime.skills.files import skill_folders
from agentos_runtime.storage.private_files import make_private_folder

DEFAULT_URL = "https://api.open-meteo.com/v1/forecast?latitude=52.52&longitude=13.41&current=temperature_2m"
MOST_ANSWER = 256 * 1024


@click.command()
@click.argument("skill_id", metavar="ID")
@click.argument("address", metavar="[URL]", required=False)
@click.option("--url", help="What to GET; {names} in its path and those in its query are params.")
@click.option(
    "--try", "tries", is_flag=True, help="Make the call, and write what it answers as mapping and returns."
)
@click.option(
    "--answer",
    type=click.File("rb"),
    metavar="FILE",
    help="An answer in JSON, written as mapping and returns; - is stdin.",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of skills to write into. [the first of AGENTOS_SKILLS, else AGENTOS_HOME/skills]",
)
@json_option
@pass_shell
def new(
    shell: Shell,
    skill_id: str,
    address: str | None,
    url: str | None,
    tries: bool,
    answer: BinaryIO | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Write a small skill that works, with comments and a test, at FOLDER/ID/readme.md. Never overwrites.

    \b
    Example:
      agentos new my-weather
      agentos new my-api 'https://api.example.com/repos/{owner}/{repo}?per_page=5'
    """
    if not re.fullmatch("[a-z][a-z0-9-]*", skill_id):
        raise click.UsageError(
            "an ID has lower-case letters, digits and hyphens, and begins with a letter: my-skill"
        )
    if skill_id in RESERVED_IDS:
        raise click.UsageError(
            f"the id {skill_id} is reserved for the runtime itself: choose another, {skill_id}-api"
        )
    if address is not None and url is not None:
        raise click.UsageError("two addresses are given: leave out --url, or the one behind the ID")
    made = beginning(skill_id, address or url or DEFAULT_URL, tries=tries, answer=answer)
    settings = shell.settings()
    served = settings.skills or (settings.home / "skills",)
    target = (folder or served[0]) / skill_id / "readme.md"
    if folder is None:
        make_private_folder(settings.home)
    _write(target, made)
    if as_json:
        print_json({"id": skill_id, "file": str(target), "utility": made.utility})
        return
    served_too = [each.path.resolve() for each in skill_folders(settings)]
    elsewhere = folder is not None and folder.resolve() not in served_too
    option = f" --skills {folder}" if elsewhere else ""
    given = "".join(f" {param}=…" for param in made.asked)
    say(f"Wrote {target}. Next:")
    say(f"  agentos check {target}")
    say(f"  agentos call {skill_id} {made.utility}{given} --dry-run{option}")
    say(f"  agentos call {skill_id} {made.utility}{given}{option}")
    for line in made.losses:
        say(f"Not expressed: {plain(line)}")
    if not elsewhere:
        say_if_bundled(skill_id)


def beginning(skill_id: str, url: str, *, tries: bool = False, answer: BinaryIO | None = None) -> Started:
    """What the new skill says. Raises click.UsageError for a url that is none, Failed for such an answer."""
    if problem := _address_problem(url):
        raise click.UsageError(problem)
    try:
        made = started(skill_id, url)
    except ImportProblem as error:
        raise click.UsageError(str(error)) from None
    said = answer.read(MOST_ANSWER + 1) if answer is not None else _tried(url, made) if tries else None
    return made if said is None else started(skill_id, url, _value(said))


def _address_problem(url: str) -> str | None:
    """What an address is not, and what to write; it is not quoted, since it may hold a key."""
    if re.match(r"\s*curl\s", url):
        return "that is a command: `agentos import curl` makes a skill of it"
    if not url.startswith(("http://", "https://")):
        return "a whole url begins with https:// or http://, such as https://api.example.com/search?q=cats"
    if "#" in url:
        return "a url has no `#`: leave out what follows it, which is never sent, or write %23 where it is meant"
    odd = re.search(r"[\s\"']", url)
    if odd is not None:
        return f"a url has no {'space' if odd[0].isspace() else odd[0]} in it: write {quote(odd[0])}"
    return None if url.isprintable() else "the url has a character in it that does not show: type it anew"


def _tried(url: str, made: Started) -> bytes:
    if made.asked or made.carries_key:
        raise click.UsageError(
            "--try makes the call of the address as it stands, without a key and without blanks: write values for "
            "them, or give an answer with --answer FILE"
        )
    try:
        return download(url)
    except ImportProblem as error:
        raise Failed(str(error)) from None


def _value(data: bytes) -> Json:
    if len(data) > MOST_ANSWER:
        raise Failed("The answer is larger than 256 KB: give a smaller one with --answer FILE")
    try:
        return jsontext.parse(data.decode("utf-8-sig"))
    except (jsontext.JsonTextError, UnicodeDecodeError):
        raise Failed("The answer is no JSON: write `response` yourself, as `agentos check` explains it") from None


def _write(target: Path, made: Started) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(made.text)
        case = target.parent / "cases" / f"{made.utility.replace('_', '-')}.yaml"
        case.parent.mkdir(exist_ok=True)
        case.write_text(made.case, encoding="utf-8")
    except FileExistsError:
        raise Failed(f"{target} is already there and stays as it is: choose another ID, or remove it") from None
    except OSError as error:
        raise Failed(f"{target} cannot be written: {error.strerror}. Choose another --folder") from None
