"""In a real browser: texts of others, the policy, the operator's token, two people at once, an upgrade."""

import pytest

from agentos_runtime.console.shown.markdown import clean, markdown
from tests.console.attacks import ATTACKS
from tests.console.conftest import MARKUP, OPERATOR, Opened
from tests.console.driving import MARKS, asked_for, driven, names
from tests.server.client import ask

pytestmark = MARKS


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    written = [each.replace("alert(1)", "hit=1") for each in ATTACKS]
    attacks = [html for each in written for html in (str(markdown(each)), clean(each), str(markdown(f"> {each}")))]
    return driven(tmp_path_factory.mktemp("hostile"), "hostile", first=_calls, token=OPERATOR, attacks=attacks)


@pytest.mark.parametrize("name", names("hostile"))
def test_in_a_browser(found: dict[str, str], name: str) -> None:
    assert found[name] == ""


def _calls(it: Opened) -> None:
    """By a caller, of a skill and a service that mean ill; two wait, and one was refused."""
    ask(it, "POST", "/api/skills/hostile/look", {"q": MARKUP}, {"X-Agent": MARKUP, "X-Request-Id": "req_hostile"})
    ask(it, "POST", "/api/skills/forms/every_kind", {MARKUP: MARKUP}, {"X-Agent": MARKUP})
    asked_for(it, MARKUP, labels=[MARKUP, "\u202e\u001b[31m"], extra={MARKUP: MARKUP * 40})
    refused = asked_for(it, "refused", extra={"<b>": "\u202e"})
    operator = {"Authorization": f"Bearer {OPERATOR}"}
    ask(it, "POST", f"/api/waiting/{refused}", {"decision": "no", "reason": f"{MARKUP}\u202e"}, operator)
