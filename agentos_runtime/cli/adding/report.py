"""What is shown of a skill before it is added or changed."""

import difflib
from collections.abc import Sequence

from agentos_runtime.cli.terminal.bundled import say_if_bundled
from agentos_runtime.cli.terminal.carets import render
from agentos_runtime.cli.terminal.output import dim, harmless, heading, plain, say, style
from agentos_runtime.cli.terminal.permissions import print_permissions
from agentos_runtime.manifest.secrets.excerpts import lines_without_secrets, source_lines
from agentos_runtime.security.authority import sort_grants
from agentos_runtime.skills.sources.installing import BrokenSource, Candidate

SHOWN_FILES = 8
LONGEST_TEXT = 512 * 1024
"""Bytes of a file whose lines are compared: comparing longer ones takes minutes."""


def print_candidate(found: Candidate) -> None:
    """Whose skill it is, its text's digest, and what it may do."""
    skill = found.skill
    say(f"{style(plain(skill.name), bold=True)} ({plain(skill.id)}): {plain(skill.description)}")
    say(f"  from    {plain(str(found.source))}")
    if found.commit:
        say(f"  commit  {found.commit}")
    say(f"  text    sha256:{skill.digest}")
    names = [plain(name) for name in found.files]
    more = f" and {len(names) - SHOWN_FILES} more" if len(names) > SHOWN_FILES else ""
    say(f"  files   {', '.join(names[:SHOWN_FILES])}{more}, {_size(sum(map(len, found.files.values())))}")
    _print_authority(found)
    _print_warnings(found)


def print_changes(found: Candidate, edited: Sequence[str]) -> None:
    """What is different, in the text and in what the skill may do."""
    heading(f"{plain(found.skill.name)} ({plain(found.skill.id)})")
    say(f"  from    {plain(str(found.source))}")
    if found.commit:
        say(f"  commit  {found.commit}")
    say(f"  text    sha256:{found.skill.digest}")
    if edited:
        say(style(f"  Your own changes would be lost: {', '.join(map(plain, edited))}", fg="yellow"))
    for name in found.changed_files:
        _print_difference(name, found)
    if not found.changes:
        say("It may do what it might before, and nothing else.")
        return
    say("What it may do changes:")
    for line in found.changes:
        say(style(f"  {plain(line)}", fg="green" if line.startswith("+") else "red"))


def print_broken(error: BrokenSource) -> None:
    """Every problem of what came, with its line."""
    for problem in error.problems:
        file = problem.place.position.file
        own = [each for each in error.problems if each.place.position.file == file]
        lines = lines_without_secrets(source_lines(error.files.get(file, b"")), own)
        say(render(problem, lines), err=True)
        say(err=True)


def print_next(found: Candidate) -> None:
    skill_id = found.skill.id
    say("Next:")
    if found.authority.domains or any(grant.credential for grant in found.authority.grants):
        command = found.skill.key_command
        done = "log in" if command == "login" else "store its key"
        say(f"  agentos {command} {skill_id}    {done}, for the places above")
        say(f"  agentos approve {skill_id}     or let it use a key of your environment there")
    elif found.authority.grants:
        say(f"  agentos approve {skill_id}")
    say(f"  agentos show {skill_id}")


def _print_authority(found: Candidate) -> None:
    authority = found.authority
    say("It asks for:")
    if authority.grants or not authority.domains:
        print_permissions({**grant.as_json(), "approved_by": None} for grant in sort_grants(authority.grants))
    for domain in sorted(authority.domains):
        say(f"  its key for whatever is asked of {plain(domain)}")
    for executor in sorted(authority.executors - {"rest"}):
        say(f"  to run {plain(executor)} on this machine")
    say_if_bundled(found.skill.id, "  ")


def _print_warnings(found: Candidate) -> None:
    count = found.checked.warnings
    if count:
        say(dim(f"  {count} warning{'s' if count != 1 else ''}: agentos check shows them once it is added"))


def _print_difference(name: str, found: Candidate) -> None:
    was = found.before.files.get(name) if found.before else None
    now = found.files.get(name)
    if was is None or now is None:
        say(f"{'new' if was is None else 'gone'}: {plain(name)}, {_size(len(now or was or b''))}")
        return
    texts = [_text(data) for data in (was, now)]
    if texts[0] is None or texts[1] is None:
        say(f"changed: {plain(name)}, {_size(len(was))}, now {_size(len(now))}")
        return
    for line in difflib.unified_diff(texts[0], texts[1], f"{name} (now)", f"{name} (new)", lineterm="", n=2):
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        say(style(f"  {harmless(line)}", fg=colour) if colour else f"  {harmless(line)}")


def _text(data: bytes) -> list[str] | None:
    try:
        return data.decode().split("\n") if len(data) <= LONGEST_TEXT else None
    except UnicodeDecodeError:
        return None


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1024 else f"{count / 1024:.0f} KB"
