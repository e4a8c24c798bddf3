"""Take each mechanism of docs/security.md out and see its test go red: `scripts/mutants`.

The table is `mutants.toml`. Every mutant runs in a copy of the project with an environment of its own, so that
processes which the tests start run the changed code too. Hypothesis draws the same examples every time.
"""

import argparse
import ast
import itertools
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("mutants.toml")
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "__pycache__", ".mypy_cache", ".ruff_cache", ".hypothesis"
)
PATIENCE = 240
"""Seconds for one mutant."""
LONGEST_TEST = 60
"""Seconds for each of its tests: one that hangs without its mechanism is red."""
FIRST_IS_ENOUGH = """
from hypothesis import Phase, settings

settings.register_profile("mutants", database=None, phases=(Phase.explicit, Phase.generate))
settings.load_profile("mutants")
"""
"""Makes Hypothesis stop at the first example that fails, and forget it: the next mutant is another one."""
TESTS_FAILED = 1
"""pytest's exit status for tests that ran and failed; others say that they did not run."""


class MutantError(Exception):
    """A row does not fit the code."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mechanism taken out: `old`, which stands once in the function, becomes `new`."""

    promise: int
    module: str
    function: str
    old: str
    new: str
    test: str

    def __str__(self) -> str:
        return f"{self.promise} {self.module} {self.function}: {' '.join(self.old.split())[:50]}"

    def apply(self, root: Path) -> str:
        """The module's text with the change. Raises MutantError."""
        text = (root / "agentos_runtime" / self.module).read_text(encoding="utf-8")
        if self.module.endswith(".sql"):
            return self._apply_to_sql(text)
        start, end = self._span(ast.parse(text))
        lines = text.splitlines(keepends=True)
        body = "".join(lines[start:end])
        if body.count(self.old) != 1:
            raise MutantError(f"{self}: the text stands {body.count(self.old)} times in the function")
        changed = "".join([*lines[:start], body.replace(self.old, self.new), *lines[end:]])
        try:
            ast.parse(changed)
        except SyntaxError as error:
            raise MutantError(f"{self}: what comes out is no Python: {error}") from None
        return changed

    def _apply_to_sql(self, text: str) -> str:
        """In a function of the database; a database that is made afterwards has it changed."""
        begins = rf"^CREATE (?:OR REPLACE )?FUNCTION {self.function}\("
        found = re.search(rf"{begins}.*?^END \$\$;", text, re.DOTALL | re.MULTILINE)
        if found is None:
            raise MutantError(f"{self}: there is no {self.function}")
        if found[0].count(self.old) != 1:
            raise MutantError(f"{self}: the text stands {found[0].count(self.old)} times in the function")
        return text[: found.start()] + found[0].replace(self.old, self.new) + text[found.end() :]

    def _span(self, tree: ast.Module) -> tuple[int, int]:
        """The function's lines; a name in capitals is a constant of the module."""
        found: ast.AST = tree
        for name in self.function.split("."):
            found = next((node for node in _named(found) if _name(node) == name), tree)
            if found is tree:
                raise MutantError(f"{self}: there is no {self.function}")
        if not isinstance(found, ast.stmt):
            raise MutantError(f"{self}: {self.function} is no statement")
        return found.lineno - 1, found.end_lineno or found.lineno


def _named(node: ast.AST) -> Iterator[ast.AST]:
    return (child for child in ast.walk(node) if child is not node and _name(child))


def _name(node: ast.AST) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return ""


def read_table() -> tuple[Mutant, ...]:
    """Every row of the table. Raises TypeError for a row with a missing or unknown key."""
    return tuple(Mutant(**row) for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["mutant"])


def make_copy(folder: Path) -> Path:
    """The project in `folder`, with a `.venv` in which the copy, not the original, is importable."""
    root = folder / "main"
    shutil.copytree(ROOT, root, ignore=LEFT_OUT, symlinks=True)
    shared = ROOT.parent / "shared"
    if shared.is_dir():
        (folder / "shared").symlink_to(shared)
    make_environment(root)
    return root


def make_environment(root: Path) -> Path:
    """A `.venv` in a tree of this program, in which that tree is importable; its Python."""
    venv = root / ".venv"
    packages = venv / "lib" / Path(sysconfig.get_path("purelib")).parent.name / "site-packages"
    packages.mkdir(parents=True)
    (packages / "copy.pth").write_text(f"{root}\n{sysconfig.get_path('purelib')}\n")
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", venv)
    (venv / "bin").mkdir()
    for name in ("python", "python3"):
        (venv / "bin" / name).symlink_to(Path(sys.executable).resolve())
    for script in Path(sys.executable).parent.iterdir():
        _copy_script(script, venv / "bin" / script.name)
    return venv / "bin" / "python"


def _copy_script(script: Path, target: Path) -> None:
    """A console script of the environment, run by the copy's Python."""
    if script.is_file() and not script.is_symlink() and not target.exists():
        text = script.read_bytes()
        old, new = (f"#!{path}".encode() for path in (sys.executable, target.parent / "python"))
        if text.startswith(old):
            target.write_bytes(text.replace(old, new, 1))
            target.chmod(0o755)


class Bench:
    """A copy of the project, for one mutant after another: only the first pays for compiling what it runs."""

    def __init__(self, folder: Path) -> None:
        self._root = make_copy(folder)
        (self._root / "conftest.py").write_text(FIRST_IS_ENOUGH, encoding="utf-8")

    def try_mutant(self, mutant: Mutant) -> str | None:
        """None when its test goes red, else what happened instead."""
        module = self._root / "agentos_runtime" / mutant.module
        try:
            changed, kept = mutant.apply(self._root), module.read_bytes()
        except (MutantError, OSError) as error:
            return str(error)
        try:
            _replace(module, changed.encode())
            return self._judge(mutant)
        finally:
            _replace(module, kept)

    def _judge(self, mutant: Mutant) -> str | None:
        command: list[str | Path] = [
            *(self._root / ".venv/bin/python", "-m", "pytest", "-x", "-q", "--tb=short", "-p", "no:cacheprovider"),
            *("--hypothesis-seed", "0", "--timeout", str(LONGEST_TEST), f"tests/{mutant.test}"),
        ]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
        environ["AGENTOS_TEST_PART"] = "1"
        try:
            done = subprocess.run(
                command,
                cwd=self._root,
                env=environ,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"{mutant}: its test did not end"
        if done.returncode == TESTS_FAILED and "FAILED " in done.stdout:
            return None
        said = textwrap.indent((done.stdout + done.stderr)[-1500:], "    ")
        what = "stays green" if done.returncode == 0 else f"did not run (status {done.returncode})"
        return f"{mutant}: {mutant.test} {what}\n{said}"


def _replace(module: Path, text: bytes) -> None:
    """Its bytecode goes too: a file of the same size within the same second would pass for the one before."""
    Path(cache_from_source(str(module))).unlink(missing_ok=True)
    module.write_bytes(text)


class Benches:
    """One bench for each job, made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._idle: queue.SimpleQueue[Bench] = queue.SimpleQueue()

    def try_mutant(self, mutant: Mutant) -> str | None:
        """As `Bench.try_mutant`; to be called from as many threads as there are jobs."""
        try:
            bench = self._idle.get_nowait()
        except queue.Empty:
            bench = Bench(self._folder / str(next(self._numbers)))
        try:
            return bench.try_mutant(mutant)
        finally:
            self._idle.put(bench)


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main(arguments: Sequence[str]) -> int:
    """The command: prints a line for each mutant, with how long it took; 1 when one survives."""
    parser = argparse.ArgumentParser(prog="scripts/mutants", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--promise", type=int, action="append", help="only those of this row (repeatable)")
    parser.add_argument("--sample", type=int, help="so many, drawn by chance")
    parser.add_argument("--seed", type=int, default=None, help="of the sample; printed when it was drawn")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    chosen = [each for each in read_table() if not options.promise or each.promise in options.promise]
    if options.sample is not None and options.sample < len(chosen):
        seed = random.randrange(1_000_000) if options.seed is None else options.seed
        say(f"--sample {options.sample} --seed {seed}")
        chosen = random.Random(seed).sample(chosen, options.sample)
    survived = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(options.jobs) as pool:
        benches = Benches(Path(folder))

        def attempt(mutant: Mutant) -> tuple[str | None, float]:
            started = time.monotonic()
            return benches.try_mutant(mutant), time.monotonic() - started

        for mutant, (trouble, took) in zip(chosen, pool.map(attempt, chosen), strict=True):
            survived += trouble is not None
            say(f"{'red    ' if trouble is None else 'NOT RED'} {took:5.1f} s  {trouble or mutant}")
    say(f"{len(chosen)} mutants, {survived} not red")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
