"""Where the bundled skills and schemas lie: in the installed package, or at the top of a checkout."""

from pathlib import Path

from agentos_runtime.jsontext import Json, parse

_PACKAGE = Path(__file__).resolve().parent


def skills_folder() -> Path:
    """The folder of the skills that ship with the runtime."""
    return _folder("skills")


def schemas_folder() -> Path:
    """The folder of the JSON Schemas: of a manifest, a case, the canonical chat."""
    return _folder("schemas")


def read_schema(name: str) -> dict[str, Json]:
    """The schema `<name>.schema.json`. Raises FileNotFoundError when there is none."""
    schema = parse((schemas_folder() / f"{name}.schema.json").read_bytes())
    if not isinstance(schema, dict):
        raise TypeError(f"{name}.schema.json is no JSON object")
    return schema


def _folder(name: str) -> Path:
    bundled = _PACKAGE / "bundled" / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name
