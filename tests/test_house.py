"""The house keeps its shape: sizes, import direction, no hidden state. Each budget is one sentence below."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from statistics import quantiles

import pytest

import agentos_runtime

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "agentos_runtime"

ONLY_IN: Mapping[str, str | tuple[str, ...]] = {
    "asyncpg": "storage/postgres/driver.py",
    "jq": "jq/worker.py",
    "httptools": "http_client/wire.py",
    "aiohappyeyeballs": "http_client/connections.py",
    "msgspec": "jsontext.py",
    "starlette": "server/",
    "uvicorn": "server/",
    "click": "cli/",
    "jinja2": "console/",
    "markdown_it": "console/",
    "nh3": "console/",
    "keyring": "security/credentials/",
    "cryptography": "security/credentials/sealing.py",
    "sqlite3": ("storage/", "limits/", "waiting/", "runtime/home/backup.py", "executors/inside/sql_worker.py"),
}
TOUCHES_PRIVATE: Mapping[str, str] = {
    "uvicorn": "server/connections/connection.py",
}
CALLED_BY_LIBRARIES: Collection[tuple[str, str]] = {
    *(("http_client/wire.py", name) for name in ("on_header", "on_body", "pause_writing")),
    ("server/connections/connection.py", "send_400_response"),
    ("server/connections/connection.py", "_unsupported_upgrade_warning"),
    ("cli/lazy.py", "list_commands"),
    ("skills/kept.py", "find_class"),
    ("cli/serving/log.py", "emit"),
    ("cli/lazy.py", "get_command"),
    ("cli/lazy.py", "format_commands"),
}
READS_ENVIRON: Mapping[str, str] = {
    "cli/main.py": "the entry point hands the environment to Settings.from_environ",
    "bootstrap.py": "credentials of skills are variables of the environment",
}
LOADS_LATE: Mapping[str, str] = {
    "__init__.py": "`import agentos_runtime` is part of every start: a public name is loaded when it is first used",
    "console/opening.py": "a server whose console nobody opens loads no template engine or Markdown parser",
    "cli/lazy.py": "a command loads what it needs, and not what the others need",
    "manifest/dialects/graphql.py": "few skills have a query, and reading one takes a library that is large",
    "storage/activity/zones.py": "few ask for the days of a zone, and what knows zones takes long to load",
    "jq/installed.py": "what reads descriptions of packages takes 8 ms to load, and is hardly ever asked",
    "runtime/asking.py": "what looks like a secret is known by expressions that take long to compile",
    "skills/entities.py": "few homes have files of entities, and what reads them takes long to import",
    "skills/loading.py": "what reads manifests takes long to import, and skills that were kept are not read",
    "skills/opening.py": "jsonschema takes a fifth of the time of looking at skills that are known to be right",
    "server/app.py": "a sixth of what a server would load is for other requests than calls",
    "jq/compiled/engine.py": "what generates code takes long to import, and code that was kept is not generated",
    "bootstrap.py": "without a database nothing that knows of one is loaded",
    "storage/files.py": "without a database nothing that knows of one is loaded",
    "cli/database/commands.py": "the driver is an extra that may not be installed",
    "cli/activity/prune.py": "without a database nothing that knows of one is loaded",
    "cli/activity/commands.py": "without a database nothing that knows of one is loaded",
    "security/credentials/opening.py": "the keyring is an extra that may not be installed",
    "security/credentials/sealed.py": "what seals is an extra that may not be installed",
}
MEASURES_INTERNALS: Mapping[str, str] = {
    "fortress.py": "takes single protections out of the runtime, to know what each costs",
    "over_upstream.py": "measures the HTTP client without the rest",
}
CATCHES_EVERYTHING: Mapping[str, str] = {
    "executors/inside/python_worker.py": "whatever a skill's own function raises is what came of it",
    "storage/postgres/driver.py": "whatever is no answer of the server ends the connection",
    "http_client/answers.py": "what is raised over a piece that is taken at once is raised where it is waited for",
    "storage/file_threads.py": "what a thread raises is raised where it is waited for",
    "skills/registry.py": "whatever goes wrong with one file is that skill's problem",
    "cli/main.py": "a bug becomes a sentence and exit code 1, without a traceback that could hold data",
    "server/app.py": "a bug while answering becomes the 500 that the contract promises",
    "mcp/stdio.py": "a bug while answering becomes the answer, and the conversation goes on",
    "server/mcp/route.py": "a bug while a call is late becomes the last event of the stream that has begun",
    "server/routes_calls.py": "a bug while streaming becomes the stream's terminal error event",
    "error_logging.py": "a bug is told and logged, and the watcher goes on",
    "sync.py": "what keeps a runtime from opening in its thread is raised where it is waited for",
}
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_TYPES = frozenset(
    {"Final", "list", "dict", "set", "bytearray", "deque", "defaultdict", "Counter", "OrderedDict"}
)
MEMORIES = frozenset({"cache", "lru_cache"})


def modules(folder: Path) -> dict[str, ast.Module]:
    """Every module below the folder, parsed, by its path."""
    files = sorted(file for file in folder.rglob("*.py") if "__pycache__" not in file.parts)
    return {file.relative_to(folder).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in files}


@pytest.fixture(scope="module")
def package() -> dict[str, ast.Module]:
    return modules(PACKAGE)


@pytest.fixture(scope="module")
def tests() -> dict[str, ast.Module]:
    return modules(ROOT / "tests")


@cache
def nodes(tree: ast.AST) -> Collection[ast.AST]:
    """All that is in it, walked once for all who ask."""
    return tuple(ast.walk(tree))


def lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in nodes(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def imported(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node, node.module or ""


def name_of(node: ast.AST | None) -> str:
    """The last name of `Name`, `a.Name`, `Name[int]` or `Name(…)`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=inner) | ast.Call(func=inner):
            return name_of(inner)
    return ""


def top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run at import, those below a top-level `if`, `try` or `with` too."""
    waiting = list(tree.body)
    while waiting:
        statement = waiting.pop(0)
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            waiting += [
                child for child in ast.walk(statement) if isinstance(child, ast.stmt) and child is not statement
            ]


def mutable_globals(tree: ast.Module) -> Iterator[str]:
    """Lists, dicts and sets (also from a call of their types) that are not a constant declared read-only."""
    for statement in top_level(tree):
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            annotation = statement.annotation if isinstance(statement, ast.AnnAssign) else None
            read_only = annotation and name_of(annotation) not in MUTABLE_TYPES and name_of(target).isupper()
            made = isinstance(statement.value, ast.Call) and name_of(statement.value) in MUTABLE_TYPES
            if (isinstance(statement.value, MUTABLE) or made) and not read_only and name_of(target) != "__all__":
                yield f"line {statement.lineno}: {ast.unparse(target)}"


def remembered(tree: ast.Module) -> Iterator[str]:
    for function in functions(tree):
        if any(name_of(decorator) in MEMORIES for decorator in function.decorator_list):
            yield f"line {function.lineno}: {function.name} remembers its answers for the life of the process"
    for node in nodes(tree):
        if isinstance(node, ast.Global):
            yield f"line {node.lineno}: global {', '.join(node.names)}"


def catch_alls(tree: ast.Module) -> Iterator[str]:
    """Handlers of everything that do not raise again as their last word."""
    for node in nodes(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            everything = any(kind is None or name_of(kind) in {"Exception", "BaseException"} for kind in caught)
            if everything and not isinstance(node.body[-1], ast.Raise):
                yield f"line {node.lineno}"


def offences(trees: Mapping[str, ast.Module], find: Callable[[ast.Module], Iterator[str]]) -> list[str]:
    return [f"{path} {offence}" for path, tree in trees.items() for offence in find(tree)]


def test_no_module_is_longer_than_400_lines(package: dict[str, ast.Module]) -> None:
    sizes = {path: lines(PACKAGE / path) for path in package}
    assert {path: size for path, size in sizes.items() if size > 400} == {}


def test_no_folder_holds_more_than_20_modules(package: dict[str, ast.Module]) -> None:
    counted = Counter(str(Path(path).parent) for path in package)
    assert {folder: count for folder, count in counted.items() if count > 20} == {}


def test_nine_functions_of_ten_fit_in_30_lines_and_none_is_longer_than_60(package: dict[str, ast.Module]) -> None:
    sizes = {f"{path} {each.name}": length(each) for path, tree in package.items() for each in functions(tree)}
    assert {name: size for name, size in sizes.items() if size > 60} == {}
    assert quantiles(sizes.values(), n=10)[-1] <= 30


def test_imports_go_downward_and_the_pure_parts_know_no_outside_world() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_imports_form_no_cycle(package: dict[str, ast.Module]) -> None:
    graph = import_graph(package)
    while leaves := {module for module, needs in graph.items() if not needs & graph.keys()}:
        graph = {module: needs for module, needs in graph.items() if module not in leaves}
    assert graph == {}


def import_graph(package: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    names = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in package}
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        needs: set[str] = set()
        for node, module in imported(package[path]):
            inner = module.removeprefix("agentos_runtime.")
            members = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            submodules = {f"{inner}.{member}" for member in members} & names.keys()
            needs |= submodules or {inner} & names.keys()
        graph[name] = needs - {name}
    return graph


def test_each_framework_is_known_in_one_place_only(package: dict[str, ast.Module]) -> None:
    strays = [
        f"{path} imports {module}"
        for path, tree in package.items()
        for _, module in imported(tree)
        if (place := ONLY_IN.get(module.partition(".")[0])) and not path.startswith(place)
    ]
    assert strays == []


def test_classes_of_values_are_made_in_one_place(package: dict[str, ast.Module]) -> None:
    """Each that `dataclasses` itself makes costs a start a third of a millisecond."""
    strays = [
        path
        for path, tree in package.items()
        for node in nodes(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses" and path != "frozen.py"
        if any(alias.name == "dataclass" for alias in node.names)
    ]
    assert strays == []


def test_private_members_of_a_library_are_touched_in_one_file_each(package: dict[str, ast.Module]) -> None:
    """Of its classes that we derive from, too: a new release of the library is looked at there."""
    strays = [
        f"{path} line {node.lineno}: {ast.unparse(node)}"
        for path, tree in package.items()
        for library, file in TOUCHES_PRIVATE.items()
        if path != file and any(module.partition(".")[0] == library for _, module in imported(tree))
        for node in nodes(tree)
        if isinstance(node, ast.Attribute) and is_private(node) and name_of(node.value) not in {"self", "cls"}
    ]
    assert strays == []
    derived = {
        path: name_of(base)
        for path, tree in package.items()
        for library, file in TOUCHES_PRIVATE.items()
        if path != file
        for node in nodes(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if name_of(base) in names_from(tree, library)
    }
    assert derived == {}


def is_private(node: ast.Attribute) -> bool:
    return node.attr.startswith("_") and not node.attr.startswith("__")


def names_from(tree: ast.Module, library: str) -> set[str]:
    """What a module imports from a library by name."""
    return {
        alias.asname or alias.name
        for node in nodes(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == library
        for alias in node.names
    }


def test_nothing_is_defined_that_the_program_does_not_use(package: dict[str, ast.Module]) -> None:
    """Tests do not count: what only they call belongs to them."""
    users = [*package.values(), *modules(ROOT / "scripts").values(), *modules(ROOT / "benchmarks").values()]
    used = {name for tree in users for name in used_names(tree)}
    defined = {
        (path, node.name)
        for path, tree in package.items()
        for node in nodes(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    unused = {(path, name) for path, name in defined if name not in used and not name.startswith("__")}
    assert {each for each in unused if each not in CALLED_BY_LIBRARIES} == set()


def used_names(tree: ast.Module) -> Iterator[str]:
    """Names, attributes, keywords, and the words of short strings, such as `module:attribute` of a lazy import."""
    for node in nodes(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.Constant(value=str(text)) if len(text) < 200:
                yield from re.findall(r"[A-Za-z_]\w+", text)


def test_the_command_line_prints_at_one_place_only(package: dict[str, ast.Module]) -> None:
    """Text of others is escaped there: whatever printed beside it would reach the terminal as it is."""
    printing = {
        "click.echo", "click.secho", "click.style", "click.prompt", "click.confirm", "print", "sys.stdout.write",
        "sys.stdout.buffer.write", "sys.stderr.write", "sys.stderr.buffer.write", "click.echo_via_pager",
    }  # fmt: skip

    def prints(tree: ast.Module) -> Iterator[str]:
        for node in nodes(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in printing:
                yield f"line {node.lineno}: {ast.unparse(node.func)}"

    found = [each for each in offences(package, prints) if not each.startswith("cli/terminal/output.py ")]
    assert found == []


def test_imports_stand_at_the_top_of_the_file(package: dict[str, ast.Module]) -> None:
    def hidden(tree: ast.Module) -> Iterator[str]:
        above = {id(statement) for statement in top_level(tree)}
        yield from (f"line {node.lineno}: {module}" for node, module in imported(tree) if id(node) not in above)

    assert offences(package, hidden) == []


def test_modules_are_loaded_by_name_in_few_places_only(package: dict[str, ast.Module]) -> None:
    def late(tree: ast.Module) -> Iterator[str]:
        for node in nodes(tree):
            if isinstance(node, ast.Call) and name_of(node.func) in {"import_module", "__import__"}:
                yield f"line {node.lineno}"

    found = {offence.split()[0] for offence in offences(package, late)}
    assert found == LOADS_LATE.keys()


def test_regular_expressions_of_modules_are_compiled_when_they_are_used(package: dict[str, ast.Module]) -> None:
    def compiled(tree: ast.Module) -> Iterator[str]:
        for statement in tree.body:
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                for node in ast.walk(statement):
                    if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile":
                        yield f"line {node.lineno}: regex(…) does not delay the start"

    assert offences(package, compiled) == []


@pytest.mark.parametrize(("folder", "exceptions"), [("examples", {}), ("benchmarks", MEASURES_INTERNALS)])
def test_programs_beside_the_package_use_its_public_names_only(folder: str, exceptions: Mapping[str, str]) -> None:
    public = set(agentos_runtime.__all__)
    deeper = {
        path
        for path, tree in modules(ROOT / folder).items()
        for node, module in imported(tree)
        if module.startswith("agentos_runtime.")
        or (module == "agentos_runtime" and not {alias.name for alias in node.names} <= public)  # type: ignore[attr-defined]
    }
    assert deeper == exceptions.keys()


def test_no_module_holds_state_that_can_change(package: dict[str, ast.Module]) -> None:
    """A constant table has an upper-case name and a read-only type (Mapping, Sequence, Collection …)."""
    assert offences(package, mutable_globals) == []
    assert offences(package, remembered) == []


def test_nothing_swallows_every_exception(package: dict[str, ast.Module]) -> None:
    caught = [offence for offence in offences(package, catch_alls) if offence.split()[0] not in CATCHES_EVERYTHING]
    assert caught == []


def test_only_the_entry_reads_the_environment(package: dict[str, ast.Module]) -> None:
    def reads(tree: ast.Module) -> Iterator[str]:
        for node in nodes(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv", "os.environb"}:
                yield f"line {node.lineno}"

    assert [offence for offence in offences(package, reads) if offence.split()[0] not in READS_ENVIRON] == []
    assert not any(
        module == "os" and isinstance(node, ast.ImportFrom)
        for tree in package.values()
        for node, module in imported(tree)
    )


def test_every_module_and_package_says_what_it_is(package: dict[str, ast.Module]) -> None:
    public = {path: tree for path, tree in package.items() if not Path(path).name.startswith("_") and tree.body}
    assert [path for path, tree in public.items() if not ast.get_docstring(tree)] == []


def test_the_package_is_typed_for_those_who_import_it() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_seams_are_used_more_than_mocks(tests: dict[str, ast.Module]) -> None:
    counted = [each for tree in tests.values() for each in functions(tree) if each.name.startswith("test_")]
    mocks = [
        f"{path} line {node.lineno}"
        for path, tree in tests.items()
        for node in nodes(tree)
        if isinstance(node, ast.Call) and re.search(r"\bmock\b|Mock$|monkeypatch\.setattr$", ast.unparse(node.func))
    ]
    assert len(mocks) <= 0.03 * len(counted), mocks


def test_work_left_undone_has_an_owner() -> None:
    unowned = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b(?!\(\w+\))")
    folders = ("agentos_runtime", "benchmarks", "docs", "examples", "scripts", "skills", "tests")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix in {".py", ".md", ""}]
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in files
        if file.is_file()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if unowned.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "lock",
    [f"requirements{of}.lock" for of in ("", "-postgres", "-dev", "-audit", "-clients", "-langchain")],
)
def test_every_dependency_is_locked_with_its_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    pinned = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [entry.split()[0] for entry in pinned if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert not re.search(r"https?://|file:|--index|--find-links", text)
