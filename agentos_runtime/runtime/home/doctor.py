"""Whether everything is in order: settings and their sources, files, workers, skills, keys."""

import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any

from agentos_runtime.config.settings import SECRETS, Settings, SettingsError
from agentos_runtime.errors import InternalError, ReplyMismatch
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.installed import find_jq, version_of
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth
from agentos_runtime.manifest.variables import variables
from agentos_runtime.runtime.home.findings import Finding, any_wrong, home_findings, key_command
from agentos_runtime.runtime.service import Runtime
from agentos_runtime.security.agents import Caller
from agentos_runtime.security.approvals import Approvals
from agentos_runtime.security.credentials.lookup import Credentials, UnusableCredential
from agentos_runtime.security.credentials.opening import open_credentials, open_store
from agentos_runtime.security.credentials.store import KeyringError
from agentos_runtime.skills.files import skill_folders
from agentos_runtime.skills.opening import UNUSABLE
from agentos_runtime.storage.private_files import PrivateFileError

SHORT = 16
"""Characters below which a token can be guessed."""


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting as it may be shown, and where it was said."""

    name: str
    value: str
    source: str

    def as_json(self) -> dict[str, Json]:
        return {"name": self.name, "value": self.value, "source": self.source}


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What the doctor found; no secret stands in it."""

    settings: tuple[ShownSetting, ...]
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> bool:
        return any_wrong(self.findings)

    def as_json(self) -> dict[str, Json]:
        return {
            "settings": [each.as_json() for each in self.settings],
            "findings": [each.as_json() for each in self.findings],
        }


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """One credential of a skill: the variables that can hold it, and where it would be taken from."""

    skill: str
    credential: str
    variables: tuple[str, ...]
    source: str | None
    """None = nowhere."""
    problem: str | None
    """Why what is there cannot be used."""
    optional: bool
    command: str
    """What gets it."""

    def as_json(self) -> dict[str, Json]:
        return {
            "skill": self.skill,
            "credential": self.credential,
            "variables": list(self.variables),
            "source": self.source,
            "problem": self.problem,
            "optional": self.optional,
        }


@dataclass(frozen=True, slots=True)
class KeysReport:
    """Where each key would come from, and whether others could read the files; never a value."""

    keys: tuple[CredentialSource, ...]
    files: tuple[Finding, ...]

    @property
    def wrong(self) -> bool:
        return any(each.problem for each in self.keys) or any_wrong(self.files)

    def as_json(self) -> dict[str, Json]:
        return {
            "keys": [each.as_json() for each in self.keys],
            "files": [each.as_json() for each in self.files],
        }


async def examine(
    settings: Settings,
    approvals: Approvals,
    runtime: AbstractAsyncContextManager[Runtime],
    operator: Caller,
    server: Callable[[], Awaitable[Finding]] | None = None,
    tools: Callable[[Runtime], str] | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> HealthReport:
    """Look at everything there is.

    runtime: opens one (that it cannot be opened is a finding), or hands in one that is open. operator: who asks,
    and sees all skills. server: how the surface finds out whether a server answers, when it can. tools: what is to
    be said of the lists that clients of MCP get. environ: what other programs are told.
    """
    findings = home_findings(settings, approvals)
    findings += await _of_runtime(runtime, operator, tools)
    findings += _of_tokens(settings)
    findings += _of_sealed(settings)
    findings += _of_proxies(settings, environ)
    findings += _of_authorities(environ)
    if server is not None:
        findings.append(await server())
    return HealthReport(tuple(_shown(settings)), (*findings, *_of_platform()))


async def examine_keys(
    settings: Settings,
    environ: Mapping[str, str],
    approvals: Approvals,
    runtime: AbstractAsyncContextManager[Runtime],
) -> KeysReport:
    """Look where the keys of all skills would come from. Raises KeyringError, and what `runtime` raises."""
    files = home_findings(settings, approvals)
    async with runtime as opened:
        skills = [entry.skill for entry in opened.registry.entries if entry.skill]
    credentials = open_credentials(settings, environ)
    keys = [source_of(credentials, skill.id, auth) for skill in skills for auth in skill.auth.values()]
    return KeysReport(tuple(keys), tuple(files))


async def _of_runtime(
    opening: AbstractAsyncContextManager[Runtime], operator: Caller, tools: Callable[[Runtime], str] | None
) -> list[Finding]:
    found: list[Finding] = []
    try:
        async with opening as runtime:
            found.append(Finding("workers", "fine", f"jq {version_of(find_jq())} in sealed processes"))
            mismatches, trouble = await _of_ledger(runtime)
            found.append(Finding("activity", "wrong" if trouble else "fine", trouble or "recorded"))
            found += _of_skills(runtime, operator)
            found += _of_replies(runtime, mismatches)
            if tools is not None:
                found.append(Finding("mcp", "fine", tools(runtime)))
    except UNUSABLE as error:
        found.append(Finding("runtime", "wrong", str(error)))
    return found


async def _of_ledger(runtime: Runtime) -> tuple[Sequence[tuple[str, str, int]], str | None]:
    """Per utility, the replies that did not match; or what keeps the ledger from being written or read."""
    try:
        return await runtime.ledger.counted(ReplyMismatch.code), runtime.ledger.degraded
    except InternalError as error:
        return (), runtime.ledger.degraded or error.message


def _of_skills(runtime: Runtime, operator: Caller) -> Iterator[Finding]:
    catalog = runtime.catalog(operator, everything=True)
    entries: list[Any] = catalog.entries()
    unreadable = catalog.unreadable()
    ready = [entry["id"] for entry in entries if entry["state"] == "ready"]
    yield Finding(
        "skills", "fine" if entries else "note", f"{len(entries)} found; ready: {', '.join(ready) or 'none'}"
    )
    for entry in entries:
        name = f"skill {entry['id']}"
        if entry.get("shadows"):
            yield Finding(name, "note", f"is served in place of the bundled {', '.join(entry['shadows'])}")
        errors = [problem for problem in entry.get("problems", ()) if problem["severity"] == "error"]
        if errors or entry["state"] == "broken" or entry.get("stale"):
            first = (errors or entry["problems"])[0]
            yield Finding(name, "wrong", f"{first['message']}. Run: agentos check")
        elif entry["state"] in unreadable:
            continue  # the file itself is a finding
        elif entry["state"] == "needs_credential":
            yield Finding(name, "note", f"has no key. Run: {key_command(runtime.registry, entry['id'])}")
        elif entry["state"] == "needs_approval":
            yield Finding(name, "note", f"is not approved. Run: agentos approve {entry['id']}")


def _of_replies(runtime: Runtime, counted: Sequence[tuple[str, str, int]]) -> Iterator[Finding]:
    """Replies that were handed on although they are not what their utility says it returns."""
    for skill_id, name, calls in counted:
        entry = runtime.registry.find(skill_id)
        utility = entry.skill.utilities.get(name) if entry is not None and entry.skill is not None else None
        if utility is not None and not utility.strict_returns:
            yield Finding(
                f"skill {skill_id}",
                "note",
                f"{calls} {'reply' if calls == 1 else 'replies'} of {name} did not match its `returns` and "
                f"{'was' if calls == 1 else 'were'} handed on. Look: agentos call {skill_id} {name} --explain; "
                f"mend `returns`, then: agentos confirm {skill_id} {name}",
            )


def _of_tokens(settings: Settings) -> Iterator[Finding]:
    for name in ("token", "operator_token"):
        if 0 < len(getattr(settings, name) or "") < SHORT:
            text = f"has fewer than {SHORT} characters, which can be guessed. Make one: openssl rand -hex 32"
            yield Finding(name, "note", text)


def _of_sealed(settings: Settings) -> Iterator[Finding]:
    """Credentials in the database, and the master keys that they need."""
    if settings.database is None:
        return
    try:
        store = open_store(settings)
        yield from (Finding("master key", "wrong", problem) for problem in store.problems())
        for name in store.unneeded():
            yield Finding("master key", "note", f"nothing is sealed under {name!r} any more: it may be taken out")
    except (SettingsError, PrivateFileError, KeyringError) as error:
        yield Finding("master key", "wrong", str(error))


def _of_proxies(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """A proxy that other programs use: who has one for them expects that it is used here."""
    names = [name for name in _PROXIES if environ.get(name)]
    if names and not settings.proxy:
        yield Finding(
            "proxy",
            "note",
            f"{names[0]} is set and means nothing here: services are called without a proxy. Where they are only "
            "reached through it, set AGENTOS_PROXY to the same",
        )


_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")


def _of_authorities(environ: Mapping[str, str]) -> Iterator[Finding]:
    """A file of certificate authorities that OpenSSL would pass over in silence, and then trust nobody."""
    named = environ.get("SSL_CERT_FILE")
    if not named:
        return
    try:
        holds = bool(ssl.create_default_context(cafile=named).cert_store_stats()["x509"])
        why = "holds no certificate"
    except ssl.SSLError:
        holds, why = False, "holds no certificate"
    except OSError as error:
        holds, why = False, f"cannot be read: {error.strerror}"
    if not holds:
        text = f"SSL_CERT_FILE names {named}, which {why}: no service is trusted then, and none is reached by https"
        yield Finding("certificates", "wrong", text)


def _of_platform(name: str = sys.platform) -> Iterator[Finding]:
    if name == "darwin":
        yield Finding(
            "platform",
            "note",
            "macOS limits neither the workers' memory nor which local user may connect: set a token",
        )


def _shown(settings: Settings) -> Iterator[ShownSetting]:
    for name, source in settings.sources.items():
        value = getattr(settings, name)
        if name in SECRETS:
            text = "set, not shown" if value else "none"
        elif name == "skills":
            text = ", ".join(str(folder.path) for folder in skill_folders(settings))
        elif isinstance(value, tuple):
            text = ", ".join(map(str, value)) or "none"
        elif isinstance(value, dict):
            text = ", ".join(f"{key} → {each}" for key, each in value.items()) or "none"
        else:
            text = str(value)
        yield ShownSetting(name, text, source)


def source_of(credentials: Credentials, skill: str, auth: Auth) -> CredentialSource:
    """Where a credential would be taken from, or why what is there cannot be used."""
    names = tuple(variables(skill, auth.name, auth.asked).values())
    source, problem = None, None
    try:
        credential = credentials.find(skill, auth.name, auth.asked)
        source = credential.source if credential else None
    except (UnusableCredential, PrivateFileError, KeyringError) as error:
        problem = str(error)
    option = "" if auth.name == "default" else f" --credential {auth.name}"
    command = f"agentos {auth.command} {skill}{option}"
    return CredentialSource(skill, auth.name, names, source, problem, auth.optional, command)
