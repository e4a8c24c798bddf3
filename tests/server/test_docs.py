"""docs/http-api.md says what the server does: its routes, its errors, its settings."""

import re
from collections.abc import Iterator
from pathlib import Path

from starlette.routing import Route

from agentos_runtime import errors
from agentos_runtime.config.settings import TABLES, Settings
from agentos_runtime.errors import AgentOSError
from agentos_runtime.server.activity.routes import ACTIVITY_FILTERS, USAGE_FILTERS
from agentos_runtime.server.app import HttpApp
from agentos_runtime.server.limits import DEFAULT_LIMITS
from agentos_runtime.server.routes.table import Routes
from agentos_runtime.storage.activity.queries import DEFAULT_LIMIT, LARGEST_LIMIT

TEXT = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text(encoding="utf-8")
WHO = {
    errors.CallerError: "caller",
    errors.AuthorError: "author",
    errors.OperatorError: "operator",
    errors.UpstreamError: "upstream",
    errors.ServerError: "runtime",
}
PASSING = frozenset({408, 429, 502, 503, 504})


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    lines = re.findall(r"^\| (.*) \|$", section(title), re.MULTILINE)
    return [[cell.strip().strip("`") for cell in line.split(" | ")] for line in lines[1:]]


def coded(kind: type[AgentOSError]) -> Iterator[type[AgentOSError]]:
    """Every error class that is a code of its own."""
    for below in kind.__subclasses__():
        if "code" in vars(below) and below.__module__ == errors.__name__:
            yield below
        yield from coded(below)


def who_fixes(error: type[AgentOSError]) -> str:
    return next(who for kind, who in WHO.items() if issubclass(error, kind))


def test_the_routes_are_those_of_the_server() -> None:
    routes = [route for route in Routes(HttpApp(DEFAULT_LIMITS).parts).router.routes if isinstance(route, Route)]
    served = {(method, route.path) for route in routes for method in (route.methods or set()) - {"HEAD"}}
    documented = [(row[0], row[1]) for row in rows("Routes")]
    assert sorted(documented) == sorted(served)


def test_the_table_of_errors_has_every_code_its_status_and_who_can_fix_it() -> None:
    documented = [(row[0], row[1], row[3]) for row in rows("Errors")]
    raised = [(str(error.status), error.code, who_fixes(error)) for error in coded(AgentOSError)]
    assert sorted(documented) == sorted(raised)
    assert documented == sorted(documented, key=lambda row: row[0])


def test_only_what_can_pass_by_itself_is_worth_another_try() -> None:
    for status, code, _, who, again in rows("Errors"):
        assert again in ("no", "yes", "later", "careful"), code
        assert again == "no" or int(status) in PASSING or code == "decision_pending", code
        assert again == "no" or who != "author", code
        assert (again == "careful") <= (who == "upstream"), code


def test_every_setting_has_its_variable(tmp_path: Path) -> None:
    known = Settings.from_environ({"AGENTOS_HOME": str(tmp_path)}).sources
    documented = {name for row in rows("Environment") for name in re.findall("AGENTOS_([A-Z_]+)", row[0])}
    assert documented == {name.upper() for name in known.keys() - TABLES}
    assert "[skill_settings." in section("Environment")


def test_the_defaults_are_the_true_ones(tmp_path: Path) -> None:
    default = {row[0]: row[2] for row in rows("Environment") if len(row) == 3}
    settings = Settings(tmp_path)
    assert default["AGENTOS_HOST"] == settings.host
    assert default["AGENTOS_PORT"] == str(settings.port)
    assert default["AGENTOS_MAX_BODY"] == f"{settings.max_body >> 20} MB"
    assert default["AGENTOS_MAX_UPLOAD"] == f"{settings.max_upload >> 20} MB"
    assert default["AGENTOS_MAX_REPLY"] == f"{settings.max_reply >> 20} MB"
    assert default["AGENTOS_MAX_CONNECTIONS"] == str(settings.max_connections)


def test_the_filters_and_bounds_are_the_true_ones() -> None:
    filters = {name for row in rows("Activity and usage") for name in re.findall(r"\w+", row[0])}
    assert filters == ACTIVITY_FILTERS
    assert filters - {"limit", "cursor"} | {"by", "zone", "latency"} == USAGE_FILTERS
    assert f"1 to {LARGEST_LIMIT}; {DEFAULT_LIMIT} when" in section("Activity and usage")
    limits = DEFAULT_LIMITS
    door = section("Who may call")
    assert f"a head has {limits.head_timeout:g} seconds and {limits.max_head >> 10} KB" in door
    assert f"a body {limits.body_timeout:g} seconds" in door
    assert limits.write_stall == 60
    assert "nothing for a minute" in section("Streams")
