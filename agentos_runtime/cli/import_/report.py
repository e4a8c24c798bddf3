"""What an import says that it did."""

from collections.abc import Iterable, Sequence

from agentos_runtime.cli.terminal.bundled import say_if_bundled
from agentos_runtime.cli.terminal.output import heading, plain, print_json, say, say_prose
from agentos_runtime.skills.installing import ImportReport

BYTES_A_TOKEN = 4
"""Of such text, more or less, whatever the model."""
MOST = 12
MOST_OF_ONE = 6


def print_report(report: ImportReport, *, dry_run: bool, as_json: bool) -> None:
    """Print what changed, what conflicts, and what could not be said."""
    if as_json:
        print_json(report.as_json())
        return
    say_prose(_first_line(report, dry_run=dry_run))
    if report.new:  # everything of it is
        say_if_bundled(report.id)
    else:
        _listed("New:", report.added)
        _listed("Changed:", [_changed(name, what) for name, what in report.changed.items()])
        _listed("Gone from the source, removed:", report.removed)
        _listed("Gone from the source, kept because you edited them:", report.kept)
    _listed("Yours to decide (your version stays):", report.conflicts)
    _listed("Not expressed:", report.losses.lines(2))
    if report.written:
        say("Next:")
        say(f"  agentos check {report.folder}")
        say(f"  agentos show {report.id}")


def _first_line(report: ImportReport, *, dry_run: bool) -> str:
    written = report.written
    count = "1 utility" if report.utilities == 1 else f"{report.utilities} utilities"
    kilobytes = max(report.size // 1024, 1)
    count += f", {kilobytes} KB (about {report.size // BYTES_A_TOKEN:,} tokens, shown to a model whole)"
    if dry_run:
        return f"Would write {report.file}: {count}."
    if not written:
        return f"{report.file} is up to date: {count}, nothing changed."
    more = f" and {len(written) - 1} more files" if len(written) > 1 else ""
    return f"Wrote {written[0]}{more}: {count}."


def _changed(name: str, what: Sequence[str]) -> str:
    more = f", and {len(what) - MOST_OF_ONE} more" if len(what) > MOST_OF_ONE else ""
    return f"{name}: {', '.join(what[:MOST_OF_ONE])}{more}" if what else name


def _listed(title: str, lines: Iterable[str]) -> None:
    shown = [plain(line) for line in lines]
    if not shown:
        return
    heading(title)
    for line in shown[:MOST]:
        say_prose(f"  {line}")
    if len(shown) > MOST:
        say(f"  … and {len(shown) - MOST} more (--json has all)")
