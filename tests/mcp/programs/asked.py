"""The official SDK's client of MCP, behind which a person goes to the page that it is led to, and answers.

`asked.py URL TOKEN` prints what the person was told, and what the call gave.
"""

import asyncio
import json
import sys
from typing import Any
from urllib.request import Request, urlopen

from mcp import Client
from mcp_types import ElicitResult


def say_yes(place: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    urlopen(Request(place, b'{"decision": "yes"}', headers)).close()


async def look(url: str, token: str) -> dict[str, Any]:
    told: list[Any] = []

    async def person(_: Any, params: Any) -> ElicitResult:
        told.append(params.model_dump(by_alias=True, exclude_none=True, mode="json"))
        await asyncio.to_thread(
            say_yes, f"{url.removesuffix('mcp')}api/waiting/{params.url.rpartition('/')[2]}", token
        )
        return ElicitResult(action="accept")

    async with Client(url, elicitation_callback=person) as client:
        came = await client.call_tool("toy_ask", {"text": "sdk"})
    return {"told": told, "came": came.model_dump(by_alias=True, exclude_none=True, mode="json")}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(look(*sys.argv[1:]))))
