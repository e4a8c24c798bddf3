"""The client that a login is made for: what the skill says of it, and what the operator gives."""

from collections.abc import Mapping

import click

from agentos_runtime.cli.terminal.output import ask_hidden
from agentos_runtime.cli.terminal.shell import Failed, can_ask
from agentos_runtime.manifest.model import Auth, Login, Skill
from agentos_runtime.manifest.variables import variables
from agentos_runtime.security.credentials.lookup import Credentials, UnusableCredential
from agentos_runtime.security.credentials.secret import Secret
from agentos_runtime.security.credentials.store import KeyringError
from agentos_runtime.security.login.exchange import Client

LABELS: Mapping[str, str] = {"client_id": "Client id", "client_secret": "Client secret"}


def login_of(skill: Skill, auth: Auth) -> Login:
    """How a person logs in for a credential. Raises Failed where nobody does."""
    option = "" if auth.name == "default" else f" --credential {auth.name}"
    remedy = f"Store it: agentos keys set {skill.id}{option}"
    if auth.login is not None and not auth.login.in_browser:
        what = " and ".join(LABELS[name].lower() for name in auth.asked)
        raise Failed(f"Nobody logs in for {skill.id}: it gets its tokens for its {what}. {remedy}")
    if auth.login is None or len(auth.fields) != 1:
        raise Failed(f"{skill.id} says no way to log in for its {auth.name} credential. {remedy}")
    return auth.login


def client_of(
    login: Login, skill: Skill, auth: Auth, credentials: Credentials, environ: Mapping[str, str]
) -> Client:
    """The client with its secret: from the environment, from the login before, or asked for.

    Raises Failed, click.UsageError.
    """
    if not login.client_fields:
        return Client.of(login, {})
    names = variables(skill.id, auth.name, ("client_id", "client_secret"))
    given = {field: environ.get(names[field], "") for field in login.client_fields}
    if all(given.values()):
        return Client.of(login, {field: Secret(text) for field, text in given.items()})
    if not can_ask():
        missing = " and ".join(names[field] for field, text in given.items() if not text)
        if (stored := _stored(credentials, skill, auth, login)) is not None:
            return stored
        raise click.UsageError(f"set {missing}, or run this on a terminal, where it is asked for")
    asked = {field: Secret(text or ask_hidden(LABELS[field]).strip()) for field, text in given.items()}
    return Client.of(login, asked)


def _stored(credentials: Credentials, skill: Skill, auth: Auth, login: Login) -> Client | None:
    """The client of the login before."""
    try:
        found = credentials.stored(skill.id, auth.name, login.client_fields)
    except (UnusableCredential, KeyringError):
        return None
    return Client.of(login, found.fields) if found else None
