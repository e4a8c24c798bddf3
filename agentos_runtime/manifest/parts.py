"""`parts`: a skill whose utilities and definitions stand in several files of its folder."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.source import Source, read_source
from agentos_runtime.manifest.yaml.values import Cursor

PartReader = Callable[[str], bytes]
"""The bytes of the file of this name beside the manifest. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: what its front matter says, the Markdown below it, and the sha256 of its bytes."""

    root: Cursor
    docs: str
    digest: str


def no_parts(name: str) -> bytes:
    """A reader for where there is nothing beside the manifest."""
    raise FileNotFoundError(name)


def read_parts(
    root: Cursor,
    report: Report,
    *,
    file: Path,
    folder: Path | None,
    read: PartReader,
    check: Callable[[Cursor, str], None],
    newest_form: Callable[[Cursor], Cursor],
) -> tuple[Part, ...]:
    """The parts that `parts` names, in that order; those that cannot be read have been reported.

    check: reports what is wrong with a part's root; it is given the digest too.
    newest_form: makes a part's root what the newest version of the manifest language would say.
    """
    cursor = root.get("parts")
    if cursor is None:
        return ()
    if folder is None:
        fix = f"Move it to {file.stem}/readme.md, and the parts beside it"
        report.error(cursor.key_place, "only a skill in a folder of its own has parts", fix, cursor.key_length)
        return ()
    entries = [entry for entry in cursor.elements() if not report.has_error_under(entry.path)]
    parts = list[Part]()
    for source, data in _read_each(entries, report, file, folder, read):
        if source is not None and source.root is not None:
            found = newest_form(source.root)
            digest = sha256(data).hexdigest()
            check(found, digest)
            parts.append(Part(found, source.docs, digest))
    return tuple(parts)


def _read_each(
    entries: list[Cursor], report: Report, file: Path, folder: Path, read: PartReader
) -> Iterator[tuple[Source | None, bytes]]:
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
        yield read_source(data, str(folder / name), report), data


def report_taken(cursor: Cursor, earlier: Cursor, what: str, report: Report) -> None:
    """Report a name that an earlier file has too, naming both places."""
    message = f"the {what} `{cursor.name}` is also declared at {earlier.key_place.position}"
    report.error(cursor.key_place, message, "Keep one, or give it another name", cursor.key_length)
