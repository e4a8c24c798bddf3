"""Worker processes that share one queue: they come, work, are replaced when they die, and leave.

When a call is slow (25 ms), another worker starts beside it, within bounds, so that one hostile expression never
keeps others waiting; some seconds later the surplus leaves again.
"""

import asyncio
import signal
from collections import Counter, deque
from collections.abc import Mapping

from agentos_runtime.jq.answer import LATE, LOST, Answer, Limits
from agentos_runtime.jq.process import FOLDER, Call, WorkerProcess

_START_LIMIT = 15.0
_START_SLOW = 1.0
"""Seconds after which a starting worker is not waited for alone."""
_BAD_STARTS = 3
_QUEUE_LIMIT = 15.0
"""Seconds that a call waits for a free worker."""
_SURPLUS_KEPT = 5.0
"""Seconds; starting a worker costs 25 ms of CPU, so none is let go in haste."""
STOPPING = "the runtime is stopping"
_ENDS: Mapping[int, str] = {
    3: "memory",
    -signal.SIGABRT: "memory",
    -signal.SIGVTALRM: "cpu",
    -signal.SIGSEGV: "depth",
    -signal.SIGBUS: "depth",
    -signal.SIGKILL: "killed",
}
"""By return code, as the label of a figure says it; `killed` by us for its time, or by somebody else."""


class Workers:
    """At most `size` workers that are prompt, `kept` of them also when there is nothing to do."""

    def __init__(
        self, jq_file: str, limits: Limits, *, size: int, kept: int, nice: int = 0, folder: str = FOLDER
    ) -> None:
        self._jq_file = jq_file
        self._limits = limits
        self._size = size
        self._kept = kept
        self._nice = nice
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self._workers: set[WorkerProcess] = set()
        self._leaving: set[WorkerProcess] = set()
        self._free: list[WorkerProcess] = []
        self._waiting: deque[Call] = deque()
        self._watching = False
        self._shrinking = False
        self._failed_starts = 0
        self._bad_starts = 0
        self._started: asyncio.Future[bool] = self._loop.create_future()
        self.open = True
        self.ends: Counter[str] = Counter()
        """How many ended that were not let go, by what ended them."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        return tuple(worker.pid for worker in self._workers)

    def start(self) -> None:
        """Start `size` workers."""
        self._fill()
        self._watch()

    async def started(self) -> bool:
        """Wait until calls are taken; False when each worker ends as soon as it starts. Raises TimeoutError."""
        return await asyncio.wait_for(asyncio.shield(self._started), _START_LIMIT)

    def stop(self) -> None:
        """End all workers; what they were on, and whatever is asked from now on, gets no answer."""
        self.open = False
        for worker in list(self._workers):
            worker.kill(LOST, STOPPING)
            worker.close()
        for worker in list(self._leaving):
            worker.collect()
        self._leaving.clear()
        self._refuse_waiting(STOPPING)

    async def ask(self, call: Call) -> Answer:
        """What comes of a call. When the asker is cancelled, the answer is thrown away."""
        if not self.open:
            return Answer(LOST, b"", STOPPING)
        while self._free:
            if self._free.pop().send(call):
                break
        else:
            call.since = self._loop.time()
            self._waiting.append(call)
        if not self._watching:
            self._watch()
        return await call.answer

    # ------------------------------------------------------------------ what workers tell

    def freed(self, worker: WorkerProcess) -> None:
        self._failed_starts = self._bad_starts = 0
        worker.slow = False
        self._note_started()
        if worker.yields:
            worker.close()
            return
        while self._waiting:
            call = self._waiting.popleft()
            if not call.answer.done():
                if not worker.send(call):
                    self._waiting.appendleft(call)
                return
        self._free.append(worker)
        if len(self._workers) > self._kept and not self._shrinking:
            self._shrinking = True
            self._loop.call_later(_SURPLUS_KEPT, self._shrink)

    def _note_started(self) -> None:
        """Started is who has a worker that is ready, and none that soon will be."""
        ready = [worker.ready for worker in self._workers if worker.ready or not worker.slow]
        if ready and all(ready) and not self._started.done():
            self._started.set_result(True)

    def gone(self, worker: WorkerProcess) -> None:
        self._workers.discard(worker)
        self._leaving = {leaving for leaving in self._leaving if leaving.alive}
        self._leaving.add(worker)
        if worker in self._free:
            self._free.remove(worker)
        if worker.ready:
            self._fill()

    def ended(self, worker: WorkerProcess, returncode: int) -> None:
        if self.open and returncode:
            self.ends[_ENDS.get(returncode, "other")] += 1
        if self.open and not worker.ready:
            self._failed_start(killed=returncode == -signal.SIGKILL)

    def _failed_start(self, *, killed: bool) -> None:
        """A worker that somebody killed says nothing about whether workers can start."""
        self._failed_starts += 1
        self._bad_starts += not killed
        if self._failed_starts < _BAD_STARTS:
            self._fill()
            return
        if self._bad_starts >= _BAD_STARTS:
            if not self._started.done():
                self._started.set_result(False)
            self._refuse_waiting("no worker process starts")
        self._loop.call_later(pause_after(self._failed_starts, killed=killed), self._fill)

    # ------------------------------------------------------------------ how many there are

    def _shrink(self) -> None:
        """Let the workers go that are more than are kept, and have had nothing to do for a while."""
        self._shrinking = False
        now = self._loop.time()
        for worker in tuple(self._free):
            if self._prompt() > self._kept and now - worker.since >= _SURPLUS_KEPT - _START_SLOW:
                worker.close()
        if len(self._workers) > self._kept and self._free and self.open:
            self._shrinking = True
            self._loop.call_later(_SURPLUS_KEPT, self._shrink)

    def _prompt(self) -> int:
        return sum(not worker.slow for worker in self._workers)

    def _fill(self) -> None:
        """Have as many prompt workers as are kept, and as are waited for, within the bounds."""
        wanted = max(self._kept, min(self._size, len(self._waiting))) if self._started.done() else self._size
        most = self._size + self._limits.extra
        while self.open and self._prompt() < wanted and len(self._workers) < most:
            self._workers.add(
                WorkerProcess(self._jq_file, self._limits, self, folder=self._folder, nice=self._nice)
            )

    def _watch(self) -> None:
        """While calls run: end what is over its time, and start workers beside what is slow."""
        now = self._loop.time()
        for worker in tuple(self._workers):
            self._judge(worker, now - worker.since)
        while self._waiting and now - self._waiting[0].since > _QUEUE_LIMIT:
            _refuse(self._waiting.popleft(), LATE, f"no worker process was free within {_QUEUE_LIMIT:g} s")
        self._fill()
        self._watching = self.open and (bool(self._waiting) or len(self._free) < len(self._workers))
        if self._watching:
            self._loop.call_later(self._limits.slow, self._watch)

    def _judge(self, worker: WorkerProcess, taken: float) -> None:
        """taken: seconds for which it has been starting, or at its call."""
        slow = self._limits.slow
        if worker.call is None:
            if not worker.ready and taken > _START_LIMIT:
                worker.kill(LOST, "its worker process did not start")
            elif not worker.ready and taken > _START_SLOW:
                worker.note_slow()
                self._note_started()
        elif taken <= slow or worker.has_something_to_say:
            return
        elif worker.over_time:
            worker.end_late_call()
        else:
            worker.note_slow()
            if worker.is_long(taken):
                worker.step_back()

    def _refuse_waiting(self, reason: str) -> None:
        while self._waiting:
            _refuse(self._waiting.popleft(), LOST, reason)


def _refuse(call: Call, status: bytes, reason: str) -> None:
    if not call.answer.done():
        call.answer.set_result(Answer(status, b"", reason))


def pause_after(failed_starts: int, *, killed: bool) -> float:
    """Seconds until a worker is started again; the longest when a package was replaced under a running server."""
    return min(0.02 * 2.0 ** min(failed_starts, 10), 1.0 if killed else 5.0)
