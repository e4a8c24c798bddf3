"""`parts`: a skill whose utilities and definitions stand in several files of its folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.manifest.source import read_source
from agentos_runtime.manifest.values import Cursor

PartReader = Callable[[str], bytes]
"""The bytes of the file of this name beside the manifest. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: what its front matter says, the Markdown below it, and its bytes."""

    root: Cursor
    docs: str
    data: bytes


def no_parts(name: str) -> bytes:
    """A reader for where there is nothing beside the manifest."""
    raise FileNotFoundError(name)


def read_parts(
    root: Cursor, report: Report, *, file: Path, folder: Path | None, read: PartReader, schema: ManifestSchema
) -> tuple[Part, ...]:
    """The parts that `parts` names, in that order; those that cannot be read have been reported."""
    cursor = root.get("parts")
    if cursor is None:
        return ()
    if folder is None:
        fix = f"Move it to {file.stem}/readme.md, and the parts beside it"
        report.error(cursor.key_place, "only a skill in a folder of its own has parts", fix, cursor.key_length)
        return ()
    entries = [entry for entry in cursor.elements() if not report.has_error_under(entry.path)]
    return tuple(_read_each(entries, report, file, folder, read, schema))


def _read_each(
    entries: list[Cursor], report: Report, file: Path, folder: Path, read: PartReader, schema: ManifestSchema
) -> Iterator[Part]:
    seen = {file.name}
    for entry in entries:
        name = str(entry.json)
        if name in seen:
            what = "is the manifest itself" if name == file.name else "is named twice"
            report.error(entry.place, f"`{name}` {what}", "Remove it from `parts`", entry.length)
            continue
        seen.add(name)
        try:
            data = read(name)
        except OSError as error:
            reason = f" ({error.strerror})" if error.strerror and not isinstance(error, FileNotFoundError) else ""
            message = f"there is no file `{name}` beside {file.name} that can be read{reason}"
            report.error(entry.place, message, f"Add {name}, or remove it from `parts`", entry.length)
            continue
        source = read_source(data, str(folder / name), report)
        if source is not None and source.root is not None:
            schema.check_part(source.root, report)
            yield Part(source.root, source.docs, data)


def report_taken(cursor: Cursor, earlier: Cursor, what: str, report: Report) -> None:
    """Report a name that an earlier file has too, naming both places."""
    message = f"the {what} `{cursor.name}` is also declared at {earlier.key_place.position}"
    report.error(cursor.key_place, message, "Keep one, or give it another name", cursor.key_length)
