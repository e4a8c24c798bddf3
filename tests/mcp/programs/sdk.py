"""What the official SDK's client of MCP sees; run by tests/mcp/test_clients.py in the environment of clients.

`sdk.py http URL MODE` or `sdk.py stdio MODE COMMAND…`: prints one JSON object. Between two of its calls it says
`again?` on stderr and waits for a line.
"""

import asyncio
import json
import os
import sys
from typing import Any

from mcp import Client, StdioServerParameters


def seen(result: Any) -> Any:
    """A call's result, as plain JSON."""
    return result.model_dump(by_alias=True, exclude_none=True, mode="json")


async def look(server: Any, mode: str) -> dict[str, Any]:
    told: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    async with Client(server, mode=mode) as client:
        tools = await client.list_tools()
        simple = await client.call_tool("test_simple_text")
        print("again?", file=sys.stderr, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        again = await client.call_tool("test_thing", {"id": "t1"})
        slow = await client.call_tool("test_tool_with_progress", progress_callback=progress)
        return {
            "tools": sorted(tool.name for tool in tools.tools),
            "simple": seen(simple),
            "again": seen(again),
            "picture": seen(await client.call_tool("test_image_content")),
            "many": seen(await client.call_tool("test_things")),
            "refused": seen(await client.call_tool("test_thing", {"id": 7})),
            "failed": seen(await client.call_tool("test_error_handling")),
            "echoed": seen(await client.call_tool("test_echo")),
            "slow": seen(slow),
            "told": told == sorted(told) and len(told) > 0,
        }


def main() -> None:
    if sys.argv[1] == "http":
        server: Any = sys.argv[2]
        mode = sys.argv[3]
    else:
        mode = sys.argv[2]
        server = StdioServerParameters(command=sys.argv[3], args=sys.argv[4:], env=dict(os.environ))
    print(json.dumps(asyncio.run(look(server, mode))))


if __name__ == "__main__":
    main()
