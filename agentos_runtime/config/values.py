"""How the raw value of each setting is read: text of a flag or a variable, or a value of `config.toml`."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def _port(raw: Any) -> int:
    if (port := _whole(raw)) is None or not 0 <= port <= 65535:
        raise ValueError("a port is a number from 0 to 65535")
    return port


def _positive(raw: Any) -> int:
    if (number := _whole(raw)) is None or number <= 0:
        raise ValueError("must be a whole number above 0")
    return number


def _seconds(raw: Any) -> float:
    try:
        number = float(raw)
    except (TypeError, ValueError):
        number = -1.0
    if isinstance(raw, bool) or not 0 <= number <= 3600:
        raise ValueError("must be a number of seconds, 0 to 3600")
    return number


def _whole(raw: Any) -> int | None:
    try:
        return int(raw)
    except ValueError:
        return None


def _folder(raw: Any) -> Path:
    if not str(raw).strip():
        raise ValueError("name a folder")
    return Path(str(raw)).expanduser().absolute()


def _database(raw: Any) -> str:
    if not isinstance(raw, str) or not raw.startswith(("postgresql://", "postgres://")):
        raise ValueError("write it as postgresql://user@host/name")
    return raw


def _folders(raw: Any) -> tuple[Path, ...]:
    parts = raw.split(os.pathsep) if isinstance(raw, str) else raw
    return tuple(Path(part).expanduser() for part in parts if str(part))


def _bearer(raw: Any) -> str:
    if not isinstance(raw, str) or not re.fullmatch(r"[!-~]+", raw):
        raise ValueError("a token is printable ASCII without spaces")
    return raw


def _origins(raw: Any) -> tuple[str, ...]:
    origins = _names(raw)
    for origin in origins:
        usual = {"http": ":80", "https": ":443"}.get(origin.partition(":")[0], "/")
        if not re.fullmatch(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", origin) or (
            origin.endswith(usual)
        ):
            raise ValueError(
                f"{origin!r} is no origin as browsers write it: https://app.example.com or http://localhost:5173, "
                "in lower case, without a path, a * or the usual port"
            )
    return origins


def _public_url(raw: Any) -> str:
    if not isinstance(raw, str) or not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(/[!-~]*)?", raw):
        raise ValueError("write it as https://agentos.example.com")
    return raw.rstrip("/")


def _https_origin(raw: Any) -> str:
    if not isinstance(raw, str) or not re.fullmatch(
        r"https://[a-z0-9.-]+(?::[0-9]{1,5})?", raw.lower().rstrip("/")
    ):
        raise ValueError("write it as https://name, or https://name:port, with nothing behind")
    return raw.lower().rstrip("/").removesuffix(":443")


def _names(raw: Any) -> tuple[str, ...]:
    parts = raw.split(",") if isinstance(raw, str) else raw
    return tuple(str(part).strip() for part in parts if str(part).strip())


def _rewrites(raw: Any) -> dict[str, str]:
    pairs = dict(pair.partition("=")[::2] for pair in _names(raw)) if isinstance(raw, str) else dict(raw)
    for origin, target in pairs.items():
        for url in (origin, target):
            if not url.startswith(("http://", "https://")):
                raise ValueError("write it as https://api.example.com=http://127.0.0.1:9000")
    return {origin.rstrip("/"): target.rstrip("/") for origin, target in pairs.items()}


def _flag(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    choices = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if str(raw).lower() not in choices:
        raise ValueError("must be true or false")
    return choices[str(raw).lower()]


def _jq_mode(raw: Any) -> str:
    if raw not in ("auto", "worker"):
        raise ValueError("must be auto or worker")
    return str(raw)


def _skill_settings(raw: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(raw, dict) or not all(isinstance(values, dict) for values in raw.values()):
        raise ValueError("write it as a table per skill: [skill_settings.openrouter]")
    return raw


def _table(raw: Any) -> Any:
    if not isinstance(raw, Mapping):
        raise ValueError("write it as a table in config.toml; docs/limits.md shows how")
    return raw


READERS: Mapping[str, Any] = {
    "host": str,
    "port": _port,
    "skills": _folders,
    "only_skills": _flag,
    "rewrite": _rewrites,
    "token": str,
    "operator_token": _bearer,
    "console_origin": _https_origin,
    "agent": str,
    "agent_token": _bearer,
    "allowed_hosts": _names,
    "origins": _origins,
    "public_url": _public_url,
    "max_body": _positive,
    "max_upload": _positive,
    "max_reply": _positive,
    "max_connections": _positive,
    "drain": _seconds,
    "database": _database,
    "database_password_file": _folder,
    "master_key": str,
    "master_key_file": _folder,
    "credentials_dir": _folder,
    "proxy": str,
    "proxy_resolves": _flag,
    "keyring": _flag,
    "jq": _jq_mode,
    "skill_settings": _skill_settings,
    "limits": _table,
    "breaker": _table,
    "fairness": _table,
    "idempotency": _table,
    "mcp": _table,
    "metrics": _table,
    "telemetry": _table,
    "activity": _table,
    "faces": _table,
    "ask": _table,
    "notify": _table,
}
"""By setting; each raises ValueError, TypeError or AttributeError for what it cannot read."""
