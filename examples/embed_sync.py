"""A program without an event loop that holds the runtime itself: calls from several threads, a stream, the usage.

    python examples/embed_sync.py       # simulated: no key, no network, no cost

For real calls leave `dependencies` and the home away: then keys, skills and limits are those of `agentos`.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from agentos_runtime import Call, Caller, Settings, open_runtime_sync, simulation

PLACES = ("Tromsø", "Xyzzy")


def place(name: str) -> Call:
    return Call("open-meteo", "find_place", {"name": name}, agent="embedded")


def main(home: Path) -> None:
    with open_runtime_sync(Settings(home=home), dependencies=simulation()) as runtime:
        with ThreadPoolExecutor() as threads:
            for name, reply in zip(PLACES, threads.map(runtime.invoke, map(place, PLACES)), strict=True):
                print(f"{name}: {[found['country'] for found in reply.value]}")

        messages = [{"role": "user", "content": "Count to three."}]
        count = Call("openrouter", "chat", {"model": "toy/parrot-1", "messages": messages}, agent="embedded")
        with runtime.stream(count) as stream:
            for batch in stream:
                for event in batch:
                    if event.name == "delta":
                        print(event.data.get("content", ""), end="", flush=True)
                    else:  # `done` or `error`: the last event of every stream
                        print(f" ({event.name})")

        usage = runtime.run(lambda it: it.usage({}, Caller("embedded", operator=True)))
        for row in usage["rows"]:
            print(f"{row['skill']}/{row['utility']}: {row['calls']} calls, {row['cost'] or 0:.6f} dollars")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        main(Path(folder) / "home")
