"""What is the same for all calls of an account: asked for after its key, and kept in config.toml."""

import json
from collections.abc import Mapping, Sequence

import click

from agentos_runtime.cli.terminal.output import ask_text, plain, say
from agentos_runtime.cli.terminal.shell import Failed, can_ask
from agentos_runtime.config.settings import Settings
from agentos_runtime.config.skill_settings import with_skill_settings
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth, Skill
from agentos_runtime.runtime.operating.config_file import change_config
from agentos_runtime.suggest import suggest

Value = str | int | float | bool


def account_params(skill: Skill, auth: Auth) -> dict[str, Mapping[str, Json]]:
    """The account params of the callables that use a credential, each with its schema."""
    found: dict[str, Mapping[str, Json]] = {}
    for utility in skill.utilities.values():
        declared = utility.params.get("properties")
        if utility.credential == auth.name and isinstance(declared, dict):
            schemas = {name: declared.get(name) for name in sorted(utility.account_params)}
            found |= {name: schema if isinstance(schema, dict) else {} for name, schema in schemas.items()}
    return found


def given_account(skill: Skill, auth: Auth, settings: Settings, given: Sequence[str]) -> dict[str, Value]:
    """The values that `--param` gives, and those that a person gives to what nothing says yet.

    Raises click.UsageError.
    """
    declared = account_params(skill, auth)
    values: dict[str, Value] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or name not in declared:
            near = suggest(name, declared)
            hint = f". Did you mean {near}?" if near else ""
            known = ", ".join(declared) or "none"
            raise click.UsageError(plain(f"--param is NAME=VALUE, and this account's params are: {known}{hint}"))
        values[name] = _value(name, text, declared[name])
    if can_ask():
        known_ones = {*settings.skill_settings.get(skill.id, {}), *values}
        for name, schema in declared.items():
            if name not in known_ones and (text := ask_text(_label(name, schema), default="").strip()):
                values[name] = _value(name, text, schema)
    return values


def keep_account(skill: Skill, auth: Auth, settings: Settings, values: Mapping[str, Value]) -> None:
    """Write them to config.toml, and tell on stderr what nothing says yet. Raises Failed."""
    if values:
        _write(skill, settings, values)
    missing = sorted({*account_params(skill, auth)} - {*settings.skill_settings.get(skill.id, {}), *values})
    if missing:
        say(plain(f"{', '.join(missing)}: the same for all calls of the account. Say it once:"), err=True)
        said = " ".join(f"--param {name}=…" for name in missing)
        say(plain(f"  agentos keys set {skill.id} {said}"), err=True)


def _write(skill: Skill, settings: Settings, values: Mapping[str, Value]) -> None:
    def change(text: str) -> str:
        changed = with_skill_settings(text, skill.id, values)
        if changed is None:
            lines = "\n".join(f"  {name} = {json.dumps(value)}" for name, value in values.items())
            raise Failed(
                f"{settings.config_file} is written in a way that is left to you. "
                f"Write there, under [skill_settings.{skill.id}]:\n{lines}"
            )
        return changed

    try:
        change_config(settings.config_file, change)
    except OSError as error:
        raise Failed(f"{settings.config_file} cannot be written: {error.strerror or error}") from None
    names = ", ".join(values)
    say(
        plain(f"Wrote {names} to {settings.config_file}. A server that runs reads it when it is started again."),
        err=True,
    )


def _label(name: str, schema: Mapping[str, Json]) -> str:
    words = schema.get("description") or schema.get("title")
    return f"{name} ({words}; empty: not now)" if isinstance(words, str) else f"{name} (empty: not now)"


def _value(name: str, text: str, schema: Mapping[str, Json]) -> Value:
    """The text as a value of the declared type. Raises click.UsageError."""
    kind = schema.get("type")
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
    except ValueError:
        raise click.UsageError(plain(f"{name} is a number, and {text!r} is none")) from None
    if kind == "boolean":
        if text not in ("true", "false"):
            raise click.UsageError(plain(f"{name} is true or false"))
        return text == "true"
    return text
