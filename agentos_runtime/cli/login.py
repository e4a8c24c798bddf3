"""`agentos login`: a key by logging in with a browser, kept like any other."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import click

from agentos_runtime.cli.keys.client import client_of, login_of
from agentos_runtime.cli.keys.kept import choose_auth, load_skill, show_destination, store
from agentos_runtime.cli.terminal.browser import has_browser, open_browser
from agentos_runtime.cli.terminal.output import ask_hidden, plain, print_json, say, style
from agentos_runtime.cli.terminal.shell import (
    Failed,
    Shell,
    can_ask,
    home_options,
    json_option,
    pass_shell,
    stdin_text,
)
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import ApprovalRequired
from agentos_runtime.http_client import Upstream
from agentos_runtime.manifest.model import Auth, Login, Skill
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.security.approvals import Approvals
from agentos_runtime.security.authority import LOGIN, Grant, authority_of, login_grants, sort_grants
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.security.credentials.opening import open_credentials
from agentos_runtime.security.credentials.secret import Life
from agentos_runtime.security.credentials.store import REFRESH_TOKEN
from agentos_runtime.security.login.answers import LARGEST_ANSWER, Granted
from agentos_runtime.security.login.callback import (
    Callback,
    LoginError,
    NotTheAnswer,
    authorize_url,
    check_encrypted,
    rewritten,
)
from agentos_runtime.security.login.exchange import Client, exchange
from agentos_runtime.security.login.listener import Listener
from agentos_runtime.security.login.pkce import Proof
from agentos_runtime.security.opening import open_approvals

MOST_SHOWN = 3
"""Things that nobody approved, in an error; `agentos approve` shows all."""


@click.command()
@click.argument("skill", shell_complete=complete_skill)
@click.option("--credential", help="Which of the skill's credentials. [the one that has a login]")
@click.option("--no-browser", is_flag=True, help="Print the address, and paste what the browser shows in the end.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the browser.",
)
@home_options
@json_option
@pass_shell
def login(
    shell: Shell,
    skill: str,
    credential: str | None,
    no_browser: bool,
    timeout: float,
    home: str | None,
    skills: tuple[str, ...],
    as_json: bool,
) -> None:
    """Get a key of SKILL by logging in with a browser, and store it as `agentos keys set` would.

    The browser opens here and comes back to this machine. Where there is none, or with --no-browser, the address is
    printed: open it anywhere, and paste the address of the page that it ends on (or the code in it) when asked, or
    on stdin. The key is never shown. One that ends is renewed by itself when the service gives a refresh token with
    it; else log in again. Where the skill says that its client has a secret, that is asked for first, and kept for
    the renewals; without a terminal it is taken from <ID>_CLIENT_SECRET.

    \b
    Example:
      agentos login openrouter
      agentos login openrouter --no-browser
    """
    settings = shell.settings(home=home, skills=skills)
    loaded = asyncio.run(load_skill(shell, settings, skill))
    auth = choose_auth(loaded, credential or _with_login(loaded))
    declared = login_of(loaded, auth)
    grants = authority_of(loaded).of_credential(auth.name)
    approvals = open_approvals(settings)
    credentials = open_credentials(settings, shell.environ)
    _check_approved(loaded, approvals, login_grants(auth) | grants)
    show_destination(loaded, auth, grants)
    client = client_of(declared, loaded, auth, credentials, shell.environ)
    try:
        attempt = _Attempt(settings, replace(declared, client_id=client.id), client, Proof.fresh())
        paste = no_browser or not has_browser(shell.environ)
        code, callback = attempt.pasted() if paste else asyncio.run(attempt.caught(timeout))
        broker = CredentialBroker(credentials, approvals)
        private = broker.allow_private(loaded, origin_of(declared.token_url) or "")
        granted = asyncio.run(attempt.exchanged(code, callback, allow_private=private))
    except LoginError as error:
        raise Failed(str(error)) from None
    values = _values(auth, granted) | client.given(declared)
    stored = store(credentials, loaded, auth, values, grants, _life(granted, credentials.now()))
    if as_json:
        renews = granted.refresh_token is not None
        print_json(stored | {"expires_in": granted.expires_in, "scope": granted.scope, "renews": renews})
    else:
        _print_granted(loaded, auth, granted, str(stored["source"]))


class _Attempt:
    """One login: its secrets, and the ways to an answer."""

    def __init__(self, settings: Settings, declared: Login, client: Client, proof: Proof) -> None:
        check_encrypted(declared)
        self._settings = settings
        self._login = declared
        self._client = client
        self._proof = proof

    async def caught(self, timeout: float) -> tuple[str, Callback]:
        """The code that the browser brings to this machine."""
        with Listener(self._login.callback) as listener:
            callback = self._callback(listener.page)
            if not listener.preferred:
                _note(f"the port of {self._login.callback} is in use, so the browser comes back to {listener.port}")
            url = self._show(callback)
            open_browser(url, lambda: _note("no browser could be opened: open the address yourself"))
            return await listener.answer(callback, timeout=timeout), callback

    def pasted(self) -> tuple[str, Callback]:
        """The code that a person brings."""
        callback = self._callback(self._login.callback)
        self._show(callback)
        say(
            "The page that it ends on may fail to load: paste its address, which begins with "
            f"{callback.page}, or the code in it.",
            err=True,
        )
        return (_asked(callback) if can_ask() else _read(callback)), callback

    async def exchanged(self, code: str, callback: Callback, *, allow_private: bool) -> Granted:
        bounded = replace(self._settings, max_reply=min(self._settings.max_reply, LARGEST_ANSWER))
        async with Upstream(bounded) as upstream:
            return await exchange(
                upstream, self._login, self._client, code, callback, self._proof, allow_private=allow_private
            )

    def _callback(self, page: str) -> Callback:
        return Callback(page, self._proof.state, in_path=self._login.client_id is None)

    def _show(self, callback: Callback) -> str:
        url = rewritten(authorize_url(self._login, callback, self._proof), self._settings.rewrite)
        say(f"Log in here:\n  {url}", err=True)
        return url


def _values(auth: Auth, granted: Granted) -> dict[str, str]:
    refresh = {} if granted.refresh_token is None else {REFRESH_TOKEN: granted.refresh_token.reveal()}
    return refresh | {auth.fields[0]: granted.key.reveal()}


def _life(granted: Granted, now: float) -> Life | None:
    return None if granted.expires_in is None else Life.of(now, granted.expires_in)


def _with_login(skill: Skill) -> str | None:
    """The credential to log in for when none is named."""
    named = [name for name, auth in skill.auth.items() if auth.login and auth.login.in_browser]
    return "default" if "default" in named else next(iter(named), None)


def _check_approved(skill: Skill, approvals: Approvals, grants: Iterable[Grant]) -> None:
    """Where the code goes and the key comes from, and where the key will go: nobody types it, so nobody would see.

    Raises ApprovalRequired.
    """
    asked = sorted(sort_grants(grants), key=lambda grant: grant.placement != LOGIN)
    missing = [str(each) for each in asked if each.origin is not None and approvals.covers(skill, each) is None]
    if missing:
        more = f", and {len(missing) - MOST_SHOWN} more" if len(missing) > MOST_SHOWN else ""
        raise ApprovalRequired(
            f"Nobody approved what {skill.file} asks for: {'; '.join(missing[:MOST_SHOWN])}{more}. "
            f"If you trust it, run: agentos approve {skill.id}"
        )


def _asked(callback: Callback) -> str:
    """A hidden question, asked again until it is the answer."""

    def read(text: str) -> str:
        try:
            return callback.pasted(text)
        except NotTheAnswer as error:
            raise click.UsageError(f"That is not the answer to this login: {error}.") from None

    return ask_hidden("Address or code", read)


def _read(callback: Callback) -> str:
    try:
        return callback.pasted(stdin_text().partition("\n")[0])
    except NotTheAnswer as error:
        raise LoginError(f"What stands on stdin is not the answer to this login: {error}.") from None


def _note(text: str) -> None:
    say(f"{style('note:', bold=True)} {text}.", err=True)


def _print_granted(skill: Skill, auth: Auth, granted: Granted, kept_in: str) -> None:
    limits = f", for {plain(granted.scope)}" if granted.scope else ""
    if granted.expires_in is not None:
        then = "it is renewed by itself" if granted.refresh_token is not None else "then log in again"
        limits += f", good for {granted.expires_in:.0f} s: {then}"
    say(f"{plain(skill.name)} gave its {auth.label or 'key'}{limits}.")
    say(f"Stored in {kept_in}. Try it: agentos {'keys test' if auth.probe else 'show'} {skill.id}")
