"""A program that holds the runtime itself, without a server: a call, a stream, and a failure.

    python examples/embed_async.py      # simulated: no key, no network, no cost

For real calls leave `dependencies` and the home away: then keys, skills and limits are those of `agentos`.
"""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from agentos_runtime import AgentOSError, Call, Settings, open_runtime, simulation


def chat(question: str) -> Call:
    messages = [{"role": "user", "content": question}]
    return Call("openrouter", "chat", {"model": "toy/parrot-1", "messages": messages}, agent="embedded")


async def main(home: Path) -> None:
    async with open_runtime(Settings(home=home), dependencies=simulation()) as runtime:
        reply = await runtime.invoke(chat("What do parrots like"))
        print(reply.value["content"])

        async with await runtime.stream(chat("Count to three.")) as stream:
            async for batch in stream:
                for event in batch:
                    if event.name == "delta":
                        print(event.data.get("content", ""), end="", flush=True)
                    else:  # `done` or `error`: the last event of every stream
                        print(f" ({event.name})")

        try:
            await runtime.invoke(Call("openrouter", "chat", {"model": "toy/parrot-1"}, agent="embedded"))
        except AgentOSError as error:
            print(f"{error.code}: {error.message}")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "home"))
