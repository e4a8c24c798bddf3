"""What the operator decides: flags, then environment, then `config.toml`."""

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Any, Self

from agentos_runtime.config.master_key import read_master_keys
from agentos_runtime.config.values import READERS
from agentos_runtime.frozen import dataclass

MB = 1024 * 1024


class SettingsError(ValueError):
    """A setting cannot be used; the message names it, where it came from, and what it must be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked; `sources` says where each came from: `flag`, a variable, a file or `default`."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 3456
    skills: tuple[Path, ...] = ()
    """Folders in order of precedence, all of them before `<home>/skills` and the bundled skills."""
    only_skills: bool = False
    """`<home>/skills` and the bundled skills are left out."""
    rewrite: Mapping[str, str] = field(default_factory=dict)
    """Origin → base address to send its calls to."""
    token: str | None = field(default=None, repr=False)
    """Lets callers in; makes nobody the operator."""
    operator_token: str | None = field(default=None, repr=False)
    """Proves the operator, who sees what every agent does."""
    console_origin: str | None = None
    """Where the console is reached from other machines, with TLS in front: `https://name`."""
    agent: str | None = None
    """Who the command line is to a server and in the ledger."""
    agent_token: str | None = field(default=None, repr=False)
    """Its token, where that name is bound to one."""
    allowed_hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    """Web pages of these origins may call: scheme, host and port, as browsers write them."""
    public_url: str | None = None
    """The url under which callers reach the server, as documents about it say; None = as each request says."""
    max_body: int = 32 * MB
    max_upload: int = 1024 * MB
    """Bytes of a body that is passed through while it arrives: it is never held as a whole."""
    max_reply: int = 64 * MB
    max_connections: int = 1024
    database: str | None = field(default=None, repr=False)
    """The PostgreSQL whose state replicas share, as libpq spells it; None = the home holds all."""
    database_password_file: Path | None = None
    master_key: str | None = field(default=None, repr=False)
    """Under which credentials in the database are sealed: `id:key,…`."""
    master_key_file: Path | None = None
    credentials_dir: Path | None = None
    """A folder of mounted credentials, one file for each field."""
    drain: float = 0.0
    """Seconds for which calls are still taken after the server was told to end. See DRAIN_OF_REPLICAS."""
    proxy: str | None = field(default=None, repr=False)
    proxy_resolves: bool = False
    """Names are not looked up here before the proxy is asked: where they may lead is its word."""
    keyring: bool = False
    """Keep credentials in the operating system's keyring instead of `credentials.json`."""
    jq: str = "auto"
    """How expressions run: `auto` or `compiled` (in this process, where they can be compiled) or `worker`."""
    skill_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`[skill_settings.<id>]` in config.toml: values for what a skill declares under `settings`."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """`[limits.…]` in config.toml: what each agent may do; read by `limits.rules`."""
    breaker: Mapping[str, Any] = field(default_factory=dict)
    """`[breaker]` in config.toml; read by `limits.circuit_breaker`."""
    fairness: Mapping[str, Any] = field(default_factory=dict)
    """`[fairness]` in config.toml; read by `limits.concurrency`."""
    idempotency: Mapping[str, Any] = field(default_factory=dict)
    """`[idempotency]` in config.toml; read by `idempotency`."""
    mcp: Mapping[str, Any] = field(default_factory=dict)
    """`[mcp]` in config.toml; read by `mcp.toolsets`."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """`[metrics]` in config.toml; read by `metrics.settings`."""
    telemetry: Mapping[str, Any] = field(default_factory=dict)
    """`[telemetry]` in config.toml; read by `metrics.settings`."""
    activity: Mapping[str, Any] = field(default_factory=dict)
    """`[activity]` in config.toml; read by `storage.activity.keeping`."""
    faces: Mapping[str, Any] = field(default_factory=dict)
    """`[faces]` in config.toml; read by `proxy.faces`."""
    ask: Mapping[str, Any] = field(default_factory=dict)
    """`[ask]` in config.toml; read by `config.ask`."""
    notify: Mapping[str, Any] = field(default_factory=dict)
    """`[notify]` in config.toml; read by `waiting.notifying`."""
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    other_homes: tuple[Path, ...] = field(default=(), compare=False)
    """Homes that this one stands in for: what lies in them is as private as what lies in `home`."""
    user_cache: Path | None = field(default=None, compare=False)
    """Where a user's programs keep what can be made anew; None = nowhere but in the home."""
    documents: Any = field(default=None, repr=False, compare=False)  # see storage.files.with_database

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], flags: Mapping[str, Any] | None = None) -> Self:
        """Read the settings; `flags` (None = not given) win over `environ`, which wins over `<home>/config.toml`.

        Raises SettingsError.
        """
        given = {name: value for name, value in (flags or {}).items() if value is not None}
        home = Path(given["home"]).expanduser() if "home" in given else usual_home(environ)
        config_file = home / "config.toml"
        config = read_config(config_file)
        values: dict[str, Any] = {
            "home": home,
            "other_homes": (usual_home(environ),),
            "user_cache": _user_cache(environ),
        }
        sources: dict[str, str] = {
            "home": "flag" if "home" in given else "AGENTOS_HOME" if environ.get("AGENTOS_HOME") else "default"
        }
        for name, read in READERS.items():
            variable = f"AGENTOS_{name.upper()}"
            if name in given:
                raw, source = given[name], "flag"
            elif name not in TABLES and environ.get(variable):
                raw, source = environ[variable], variable
            elif name in config:
                raw, source = config[name], str(config_file)
            else:
                sources[name] = "default"
                continue
            try:
                values[name] = read(raw)
            except (ValueError, TypeError, AttributeError) as error:
                raise SettingsError(f"{name} (from {source}) cannot be used: {error}") from None
            sources[name] = source
        if values.get("database") is not None:
            values.setdefault("drain", DRAIN_OF_REPLICAS)
        settings = cls(**values, sources=sources)
        settings._check_exposure()
        settings._check_operator_token()
        return settings

    def _check_exposure(self) -> None:
        if self.host not in LOOPBACK_HOSTS and not self.token:
            raise SettingsError(
                f"host is {self.host}, which other machines can reach: set AGENTOS_TOKEN, or listen on 127.0.0.1"
            )

    def _check_operator_token(self) -> None:
        """Nobody else may have it: not all callers, and no agent, also none that is bound later."""
        token = self.operator_token
        if token is None:
            return
        if token.startswith(AGENT_PREFIX):
            raise SettingsError(
                f"operator_token begins with {AGENT_PREFIX}, as the tokens of agents do, and none of those makes "
                "an operator. Make one of its own: openssl rand -hex 32"
            )
        if token in (self.token, self.agent_token):
            raise SettingsError(
                "operator_token is the same as AGENTOS_TOKEN or AGENTOS_AGENT_TOKEN, so every caller would be the "
                "operator. Make one of its own: openssl rand -hex 32"
            )

    def master_keys(self) -> tuple[tuple[str, bytes], ...]:
        """By their ids, the one that seals first; none where none is set. Raises SettingsError."""
        text, file = self.master_key, self.master_key_file
        if text is not None and file is not None:
            raise SettingsError("master_key and master_key_file are both set: one of them says it")
        try:
            text = file.read_text(encoding="utf-8").strip() if file is not None else text
            return read_master_keys(text) if text is not None else ()
        except UnicodeDecodeError:
            raise SettingsError(f"{file} (master_key_file) cannot be read: it is not UTF-8") from None
        except OSError as error:
            raise SettingsError(f"{file} (master_key_file) cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise SettingsError(f"{file or 'master_key'} cannot be used: {error}") from None

    @property
    def credentials_file(self) -> Path:
        return self.home / "credentials.json"

    @property
    def activity_file(self) -> Path:
        return self.home / "activity.db"

    @property
    def config_file(self) -> Path:
        return self.home / "config.toml"

    @property
    def limits_file(self) -> Path:
        return self.home / "limits.db"

    @property
    def idempotency_file(self) -> Path:
        return self.home / "idempotency.db"

    @property
    def waiting_file(self) -> Path:
        return self.home / "waiting.db"

    @property
    def agents_file(self) -> Path:
        return self.home / "agents.json"

    @property
    def lock_file(self) -> Path:
        return self.home / "agentos.lock"

    @property
    def replies_folder(self) -> Path:
        """What one of several processes keeps for a while for the others."""
        return self.home / "replies"

    @property
    def cache_folder(self) -> Path:
        """What can be made anew at any time."""
        return self.home / "cache"


TABLES = frozenset(
    {
        "skill_settings",
        "limits",
        "breaker",
        "fairness",
        "idempotency",
        "mcp",
        "metrics",
        "telemetry",
        "activity",
        "faces",
        "ask",
        "notify",
    }
)
"""Settings that only `config.toml` can say."""
SECRETS = frozenset({"token", "operator_token", "agent_token", "proxy", "database", "master_key"})
"""Settings that may hold a secret: only whether they are set is shown."""
DRAIN_OF_REPLICAS = 10.0
"""Seconds, unless it is said otherwise."""
AGENT_PREFIX = "agentos_"
"""How the tokens of agents begin, and nothing else."""
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def usual_home(environ: Mapping[str, str]) -> Path:
    """The home when no flag says otherwise."""
    return Path(environ.get("AGENTOS_HOME") or default_home(environ)).expanduser()


def default_home(environ: Mapping[str, str]) -> Path:
    """The platform's folder for a user's data."""
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "agentos"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "agentos"


def _user_cache(environ: Mapping[str, str]) -> Path | None:
    """The platform's folder for what can be made anew; None where no folder of the user is known."""
    if sys.platform != "darwin" and os.path.isabs(environ.get("XDG_CACHE_HOME", "")):
        return Path(environ["XDG_CACHE_HOME"]) / "agentos"
    home = environ.get("HOME", "")
    if not os.path.isabs(home):
        return None
    return Path(home) / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "agentos"


def read_config(file: Path) -> dict[str, Any]:
    """The tables of a `config.toml`; empty when it is not there. Raises SettingsError."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{file} cannot be read: {reason}. It is a file in a folder, or nothing") from None
    try:
        config = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from None
    known = {f.name for f in fields(Settings)} - {"home", "sources", "other_homes", "user_cache", "documents"}
    unknown = sorted(set(config) - known)
    if unknown:
        raise SettingsError(f"{file} has unknown settings: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return config
