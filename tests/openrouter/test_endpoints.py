"""Every utility against an upstream made from OpenRouter's own description, as strict as that."""

import json

import pytest

from tests.openrouter.description import description
from tests.openrouter.generated import params
from tests.openrouter.support import BEYOND, BYTES, KEY, MANAGEMENT, Desk, Mock


@pytest.mark.slow
@pytest.mark.parametrize("full", [False, True], ids=["minimal", "full"])
@pytest.mark.parametrize("examples", [True, False], ids=["as in the examples", "whatever the types allow"])
def test_no_request_is_malformed_and_every_reply_is_as_declared(counter: Desk, full: bool, examples: bool) -> None:
    mock = Mock(description(), bare=not examples)
    counter.says(mock)
    failures = []
    utilities = counter.skill["utilities"]
    for name, utility in utilities.items():
        if (name == "chat" and not examples) or name in BEYOND:
            continue
        given = params(utility["params"], full=full, examples=examples)
        if "wait" in utility["params"]["properties"]:
            given["wait"] = mock.finishes_jobs
        response = counter.call(name, given)
        if response.status_code != 200:
            failures.append(f"{name} {json.dumps(given)[:300]}: {response.text[:600]}")
        elif utility["raw"] and response.content != BYTES:
            failures.append(f"{name} changed the bytes")
    assert not failures, "\n".join(failures)
    assert not mock.refused
    assert len(mock.called) >= len(utilities) - len(BEYOND) - 1


@pytest.mark.slow
def test_each_key_goes_only_where_the_description_wants_it(counter: Desk) -> None:
    mock = Mock(description())
    counter.says(mock)
    for name, utility in counter.skill["utilities"].items():
        if name in BEYOND:
            continue
        before = len(mock.called)
        counter.call(name, params(utility["params"], full=False))
        keys = {request.header("authorization") for request in counter.toy.requests[before:]}
        operation = mock.called[-1]
        wanted = MANAGEMENT if operation.needs_management else KEY
        assert keys == ({f"Bearer {wanted}"} if operation.needs_key else {None}), name
