"""Expressions are checked before they ever run: compiled by a worker, many in one round trip.

Only a worker's own answer says anything about an expression, and only that is kept. A worker that was lost or late
is asked again; when none comes to an answer, the check is unfinished, which is not a verdict.
"""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import accumulate, groupby
from typing import Protocol, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.answer import LIMIT, Answer
from agentos_runtime.jq.compiling import CompileProblem, locate_problem, unreadable_source
from agentos_runtime.jq.process import Call
from agentos_runtime.jq.program import bare_program, reply_program, request_program
from agentos_runtime.jq.turns import Turns

_AT_ONCE = 64
"""Expressions that go to the worker together; it answers for as many as it came to in 20 ms."""
_FRAME = 1 << 17
"""Characters that are sent together."""
_TRIES = 3
_KEPT = 1 << 15
"""Verdicts; a skill may have 10,000 expressions."""


class Checkable(Protocol):
    """An expression, the definitions that it may use, and whether it is part of a request (no `$response`)."""

    @property
    def definitions(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def request(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Unfinished:
    """No worker came to an answer about an expression; why the last one did not."""

    reason: str
    at_limit: bool
    """Each of them reached a limit while it compiled this; otherwise nothing is known of the expression."""


Verdict: TypeAlias = CompileProblem | Unfinished | None
_Said: TypeAlias = str | Unfinished | None


class Checks:
    """Verdicts on expressions, kept by content."""

    def __init__(self, ask: Callable[[Call], Awaitable[Answer]]) -> None:
        self._ask = ask
        self._turns = Turns()
        self._kept: OrderedDict[bytes, CompileProblem | None] = OrderedDict()

    async def verdicts(self, expressions: Sequence[Checkable]) -> list[Verdict]:
        """One for each. After the first that is unfinished nothing more is asked: all others are so, too."""
        verdicts: list[Verdict] = []
        for start in range(0, len(expressions), _AT_ONCE):
            some = expressions[start : start + _AT_ONCE]
            left = len(expressions) - start
            async with self._turns.turn(partial(int, left)):
                verdicts += await self._some(some)
            unfinished = next((verdict for verdict in verdicts[start:] if isinstance(verdict, Unfinished)), None)
            if unfinished is not None:
                return verdicts + [unfinished] * (len(expressions) - len(verdicts))
            await asyncio.sleep(0)  # also where all is kept, calls go on in between
        return verdicts

    async def _some(self, expressions: Sequence[Checkable]) -> list[Verdict]:
        keys = [_key(expression) for expression in expressions]
        new = {key: one for key, one in zip(keys, expressions, strict=True) if key not in self._kept}
        found = dict(zip(new, await self._new(list(new.values())), strict=True)) if new else {}
        verdicts = [found[key] if key in found else self._kept[key] for key in keys]
        for key, verdict in zip(keys, verdicts, strict=True):
            if not isinstance(verdict, Unfinished):
                self._kept[key] = verdict
                self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return verdicts

    async def _new(self, expressions: Sequence[Checkable]) -> list[Verdict]:
        """Each alone and without brackets, then, as it will run, inside them."""
        verdicts: list[Verdict] = [_unreadable(one) for one in expressions]
        left = [index for index, verdict in enumerate(verdicts) if verdict is None]
        for index, said in zip(
            left, await self._compile([_bare(expressions[index]) for index in left]), strict=True
        ):
            verdicts[index] = _problem(expressions[index], said) if isinstance(said, str) else said
        left = [index for index in left if verdicts[index] is None]
        for index, said in zip(
            left, await self._within_brackets([expressions[index] for index in left]), strict=True
        ):
            verdicts[index] = CompileProblem(_BRACKETS, 1, 1, 1) if isinstance(said, str) else said
        return verdicts

    async def _within_brackets(self, expressions: Sequence[Checkable]) -> list[_Said]:
        """What jq says of each inside brackets: of neighbours together, and one by one where that does not compile.

        Each compiles without brackets, so none can lean on another's.
        """
        groups = [list(group) for _, group in groupby(expressions, lambda one: (one.definitions, one.request))]
        together = await self._compile([_in_brackets(group) for group in groups])
        said: list[_Said] = []
        for group, of_group in zip(groups, together, strict=True):
            if of_group is not None and len(group) > 1:
                said += await self._compile([_in_brackets([one]) for one in group])
            else:
                said += [of_group] * len(group)
        return said

    async def _compile(self, texts: Sequence[str]) -> list[_Said]:
        """jq's words on each text, None where it compiles.

        Where no answer came the next text goes alone, so that one which cannot be compiled holds up no other.
        """
        said: list[_Said] = []
        alone = tried = 0
        while len(said) < len(texts):
            part = texts[len(said) : len(said) + 1] if alone else _frame(texts[len(said) :])
            answer = await self._ask(Call.check(part))
            if answer.status == b"o":
                words = json.loads(answer.outputs)
                said += words
                alone, tried = max(alone - len(words), 0), 0
            elif len(part) > 1:
                alone = len(part)
            else:
                tried += 1
                if tried == _TRIES:
                    unfinished = Unfinished(answer.message, at_limit=answer.status == LIMIT)
                    return said + [unfinished] * (len(texts) - len(said))
        return said


def _frame(texts: Sequence[str]) -> Sequence[str]:
    """The first of them, as many as are sent together."""
    sizes = accumulate(map(len, texts))
    return texts[: max(sum(size <= _FRAME for size in sizes), 1)]


_BRACKETS = "this expression cannot stand inside brackets"


def _key(expression: Checkable) -> bytes:
    parts = (expression.definitions, expression.source)
    sizes = ",".join(str(len(part)) for part in parts)
    text = f"{expression.request} {sizes} {''.join(parts)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _unreadable(expression: Checkable) -> CompileProblem | None:
    return unreadable_source(expression.source) or unreadable_source(expression.definitions, "definitions")


def _bare(expression: Checkable) -> str:
    return bare_program(expression.definitions, expression.source, request=expression.request)[0]


def _problem(expression: Checkable, said: str) -> CompileProblem:
    definitions, source = expression.definitions, expression.source
    _, before_definitions, before_source = bare_program(definitions, source, request=expression.request)
    return locate_problem(said, definitions, source, before_definitions, before_source)


def _in_brackets(group: Sequence[Checkable]) -> str:
    definitions, sources = group[0].definitions, [one.source for one in group]
    if group[0].request:
        return request_program(definitions, sources).text
    return reply_program(definitions, None, None, sources).text
