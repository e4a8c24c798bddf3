"""What an import says that it did."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from agentos_runtime.importing.api import Losses
from agentos_runtime.importing.parts import MAIN
from agentos_runtime.importing.skill_file import read_file
from agentos_runtime.importing.update import Changes, Plan
from agentos_runtime.surfaces.cli.importing_files import SkillFolder
from agentos_runtime.surfaces.cli.output import heading, plain, print_json

MOST = 12
MOST_OF_ONE = 6


def report(
    folder: SkillFolder, plan: Plan, losses: Losses, written: Sequence[Path], *, dry_run: bool, as_json: bool
) -> None:
    """Print what changed, what conflicts, and what could not be said."""
    utilities = sum(len(read_file(text, name).utilities) for name, text in plan.files.items())
    changes = plan.changes
    if as_json:
        print_json(
            {
                "id": folder.skill_id,
                "file": str(folder.file(MAIN)),
                "written": [str(file) for file in written],
                "utilities": utilities,
                "added": [*changes.added],
                "changed": {name: [*what] for name, what in changes.changed.items()},
                "removed": [*changes.removed],
                "kept": [*changes.kept],
                "conflicts": [*changes.conflicts],
                "not_expressed": [
                    {"what": what, "where": [place for place in places if place]}
                    for what, places in losses.found.items()
                ],
            }
        )
        return
    click.echo(_first_line(folder, changes, written, utilities, dry_run=dry_run))
    _changes(folder, changes)
    _listed("Yours to decide (your version stays):", changes.conflicts)
    _listed("Not expressed:", losses.lines(2))
    if written:
        click.echo("Next:")
        click.echo(f"  agentos check {folder.path}")
        click.echo(f"  agentos show {folder.skill_id}")


def _first_line(
    folder: SkillFolder, changes: Changes, written: Sequence[Path], utilities: int, *, dry_run: bool
) -> str:
    count = "1 utility" if utilities == 1 else f"{utilities} utilities"
    if dry_run:
        return f"Would write {folder.file(MAIN)}: {count}."
    if not written:
        return f"{folder.file(MAIN)} is up to date: {count}, nothing changed."
    more = f" and {len(written) - 1} more files" if len(written) > 1 else ""
    return f"Wrote {written[0]}{more}: {count}."


def _changes(folder: SkillFolder, changes: Changes) -> None:
    """Nothing for a new skill, of which everything is new."""
    if MAIN not in folder.disk.mine:
        return
    _listed("New:", changes.added)
    _listed("Changed:", [_changed(name, what) for name, what in changes.changed.items()])
    _listed("Gone from the source, removed:", changes.removed)
    _listed("Gone from the source, kept because you edited them:", changes.kept)


def _changed(name: str, what: Sequence[str]) -> str:
    more = f", and {len(what) - MOST_OF_ONE} more" if len(what) > MOST_OF_ONE else ""
    return f"{name}: {', '.join(what[:MOST_OF_ONE])}{more}" if what else name


def _listed(title: str, lines: Iterable[str]) -> None:
    shown = [plain(line) for line in lines]
    if not shown:
        return
    heading(title)
    for line in shown[:MOST]:
        click.echo(f"  {line}")
    if len(shown) > MOST:
        click.echo(f"  … and {len(shown) - MOST} more (--json has all)")
