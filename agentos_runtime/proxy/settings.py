"""What the operator says of `/v1/`."""

from collections.abc import Mapping
from typing import Any

from agentos_runtime.config.tables import Reader, read_table
from agentos_runtime.frozen import dataclass


@dataclass(frozen=True, slots=True)
class FaceSettings:
    """`[faces]` of config.toml."""

    default: str | None = None
    """The skill of models whose names begin with none."""


def read_faces(raw: object, file: object) -> FaceSettings:
    """The table `faces`; `file` is named in errors. Raises SettingsError."""
    return FaceSettings(**read_table(raw, f"{file}: faces", _READERS))


def _skill_id(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be the id of a skill")
    return value


_READERS: Mapping[str, Reader] = {"default": _skill_id}
