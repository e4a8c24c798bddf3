"""The bundled OpenRouter skill behind a real server, in front of a mock made from OpenRouter's own description."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.end_to_end.house import OPENROUTER, House, house
from tests.openrouter.description import BASE, Description, Operation, Sent, request_problems
from tests.openrouter.generated import reply_of
from tests.toy.raw import Behaviour, Exchange, Received, Toy, answer, answer_json

SKILL = Path(__file__).resolve().parents[2] / "skills" / "openrouter"
KEY, MANAGEMENT = "sk-or-v1-inference-canary-1234567890", "sk-or-v1-management-canary-1234567890"
KEYS = {"OPENROUTER_API_KEY": KEY, "OPENROUTER_MANAGEMENT_KEY": MANAGEMENT}
BEYOND = frozenset(
    {
        "create_batch",
        "list_batches",
        "get_batch",
        "get_batch_results",
        "delete_batch",
        "create_completion",
        "list_docs",
        "read_docs",
    }
)
"""Utilities that the description of August 2026 does not have."""
BYTES = b"\x00\xff not JSON \r\n\r\n"


@dataclass
class Desk:
    """The server and the upstream; `says` makes the upstream begin anew."""

    house: House
    toy: Toy

    def says(self, *behaviours: Behaviour) -> None:
        self.toy.requests.clear()
        self.toy.script = behaviours

    def call(self, utility: str, params: Mapping[str, Any] | None = None) -> Any:
        return self.house.call("openrouter", utility, dict(params or {}))

    def reply(self, utility: str, params: Mapping[str, Any] | None = None) -> Any:
        response = self.call(utility, params)
        assert response.status_code == 200, (utility, response.text)
        return response.json()

    def stream(self, utility: str, params: Mapping[str, Any]) -> list[tuple[str, Any]]:
        return self.house.stream("openrouter", utility, params)

    @property
    def sent(self) -> Received:
        """The one request that reached the upstream."""
        [request] = self.toy.requests
        return request

    @property
    def skill(self) -> dict[str, Any]:
        found: dict[str, Any] = self.house.client.get("/api/skills/openrouter").json()
        return found


@contextlib.contextmanager
def desk(folder: Path, environ: Mapping[str, str] | None = None, **settings: Any) -> Iterator[Desk]:
    skills = folder / "skills"
    shutil.copytree(SKILL, skills / "openrouter")
    with (
        Toy(answer(body=b"{}")) as toy,
        house(
            folder,
            skills=skills,
            rewrite={OPENROUTER: toy.origin},
            environ=KEYS if environ is None else environ,
            **settings,
        ) as opened,
    ):
        yield Desk(opened, toy)


@dataclass
class Mock:
    """An upstream that is as strict as the description, and answers what it describes."""

    described: Description
    bare: bool = False
    """Answers hold only what they must, and null where they may."""
    refused: list[str] = field(default_factory=list)
    called: list[Operation] = field(default_factory=list)

    @property
    def finishes_jobs(self) -> bool:
        """Whether a job is done when it is looked at: so it is in the examples."""
        return not self.bare

    def __call__(self, exchange: Exchange) -> None:
        request = exchange.request
        headers = dict(request.headers)
        problems = request_problems(self.described, Sent(request.method, request.target, headers, request.body))
        if problems:
            self.refused += [f"{request.method} {request.target}: {problem}" for problem in problems]
            answer_json({"error": {"code": 400, "message": "; ".join(problems)}}, 400)(exchange)
            return
        found = self.described.find(request.method, urlsplit(request.target).path.removeprefix(BASE))
        assert found is not None
        self.called.append(found[0])
        self._answer(found[0])(exchange)

    def _answer(self, operation: Operation) -> Behaviour:
        kinds = list(operation.content())
        if "application/json" not in kinds:
            kind = {"audio/*": "audio/mpeg"}.get(kinds[0], kinds[0])
            return answer(operation.status, BYTES, [("Content-Type", kind)])
        return answer_json(reply_of(self.described, operation, bare=self.bare), operation.status)
