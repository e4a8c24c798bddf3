"""What `keys set` and `login` share: whose key it is, where it will go, and that it is kept."""

from collections.abc import Mapping

import click

from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.output import plain, say, say_prose, style
from agentos_runtime.cli.terminal.shell import Failed, Shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth, Skill
from agentos_runtime.runtime.operating.skills import whole_skill
from agentos_runtime.security.authority import Grant, sort_grants
from agentos_runtime.security.credentials.lookup import Credentials, UnusableCredential
from agentos_runtime.security.credentials.secret import Credential, Life
from agentos_runtime.security.credentials.store import KeyringError


async def load_skill(shell: Shell, settings: Settings, skill_id: str) -> Skill:
    """The skill as it is served. Raises UnknownSkill, SkillBroken, Failed.

    It is broken also when a part of it is: what that part asks for would not be shown.
    """
    async with opened(shell, settings) as runtime:
        return whole_skill(runtime.registry, skill_id)


def choose_auth(skill: Skill, name: str | None) -> Auth:
    """The credential of this name, else the default, else the first. Raises Failed, click.UsageError."""
    if not skill.auth:
        raise Failed(f"{skill.id} needs no key: it can be called as it is.")
    chosen = name or ("default" if "default" in skill.auth else next(iter(skill.auth)))
    if chosen not in skill.auth:
        raise click.UsageError(f"{skill.id} has no credential {chosen!r}; it has {', '.join(skill.auth)}")
    return skill.auth[chosen]


def show_destination(skill: Skill, auth: Auth, grants: frozenset[Grant], refused_at: str | None = None) -> None:
    """Where the key will go, or would if its approval had not been taken back; on stderr.

    Raises Failed when nothing uses it.
    """
    if not grants:
        raise Failed(f"No utility of {skill.id} uses the {auth.name} credential, so it would go nowhere.")
    sent = "will be sent here, and nowhere else:"
    if refused_at:
        sent = f"goes nowhere, since the skill was revoked ({refused_at}). Approved again, it would be sent here:"
    say_prose(f"The {auth.label or 'key'} of {plain(skill.name)} ({skill.file}) {sent}", err=True)
    for grant in sort_grants(grants):
        say_prose(f"  {grant}", err=True)


def store(
    credentials: Credentials,
    skill: Skill,
    auth: Auth,
    values: Mapping[str, str],
    grants: frozenset[Grant],
    life: Life | None = None,
) -> dict[str, Json]:
    """Keep the values with the grants that were shown; what `--json` prints of it. Raises Failed."""
    try:
        credentials.set(skill.id, auth.name, values, grants, life)
    except (UnusableCredential, KeyringError) as error:
        raise Failed(f"Nothing was stored: {error}") from None
    _warn_of_environment(credentials.find(skill.id, auth.name, auth.asked))
    kept_in = next(e.source for e in credentials.list() if (e.skill, e.credential) == (skill.id, auth.name))
    shown: list[Json] = [grant.as_json() for grant in sort_grants(grants)]
    return {"skill": skill.id, "credential": auth.name, "source": kept_in, "grants": shown}


def _warn_of_environment(found: Credential | None) -> None:
    if found is not None and found.source.startswith(("environment ", "file ")):
        kind, _, place = found.source.partition(" ")
        note = f"{place} is {'set' if kind == 'environment' else 'there'} and goes first"
        say(f"{style('note:', bold=True)} {note}.", err=True)
