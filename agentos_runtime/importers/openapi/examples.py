"""What a document shows of bodies: examples, which may be JSON that is written as a text."""

from collections.abc import Mapping
from typing import Any

from agentos_runtime.importers.api import Losses
from agentos_runtime.importers.openapi.document import Located, resolve
from agentos_runtime.jsontext import Json, parse
from agentos_runtime.manifest.secrets.shapes import holds_secret


def media_example(media: Located, losses: Losses) -> Json:
    """What a media type of JSON shows: its own example, the first of several, or its schema's.

    None for what looks like a key, and for a text where the schema has none: cut short, or in another language.
    """
    schema = resolve(media.at("schema"), losses)
    said = schema.value if isinstance(schema.value, Mapping) else {}
    shown = plain_json(_shown(media, said, losses))
    if isinstance(shown, str) and not _may_be_text(said):
        shown = _read(shown)
    return None if holds_secret(shown) else shown


def parameter_example(parameter: Located, losses: Losses) -> Json:
    """What a parameter shows beside its schema: one example, or the first of several."""
    shown = plain_json(_shown(parameter, {}, losses))
    return None if holds_secret(shown) else shown


def _shown(media: Located, schema: Mapping[str, Any], losses: Losses) -> Any:
    if media.get("example") is not None:
        return resolve(media.at("example"), losses).value  # some write a reference there
    for named in media.map("examples").values():
        shown = resolve(named, losses)
        return shown.get("value") if shown.get("dataValue") is None else shown.get("dataValue")
    examples = schema.get("examples")
    return schema.get("example", examples[0] if isinstance(examples, list) and examples else None)


def _may_be_text(schema: Mapping[str, Any]) -> bool:
    kinds = schema.get("type")
    return "string" in (kinds if isinstance(kinds, list) else [kinds])


def _read(text: str) -> Json:
    try:
        found = parse(text)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) else None


def plain_json(value: Any) -> Json:
    """A value as JSON has it: YAML's keys may be numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(below) for key, below in value.items()}
    return [plain_json(below) for below in value] if isinstance(value, list) else value
