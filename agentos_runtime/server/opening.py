"""The runtime, from before it is open."""

import asyncio

from agentos_runtime.server.ports import Runtime


class Opening:
    """Connections are accepted while the runtime opens; requests that need it wait here."""

    def __init__(self) -> None:
        self.runtime: Runtime | None = None
        self._finished = asyncio.Event()

    def finish(self, runtime: Runtime) -> None:
        """From now on requests are answered by this runtime."""
        self.runtime = runtime
        self._finished.set()

    def is_loading(self) -> bool:
        """Whether skills are being loaded, or nothing is open yet."""
        return self.runtime is None or self.runtime.is_loading()

    async def wait(self) -> Runtime:
        await self._finished.wait()
        assert self.runtime is not None
        return self.runtime
