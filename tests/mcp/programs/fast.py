"""What fastmcp's client sees: `fast.py URL` prints one JSON object. Run by tests/mcp/test_clients.py."""

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.exceptions import ToolError


async def look(url: str) -> dict[str, Any]:
    async with Client(url) as client:
        tools = await client.list_tools()
        thing = await client.call_tool("test_thing", {"id": "t1"})
        try:
            await client.call_tool("test_thing", {"id": 7})
            refused = ""
        except ToolError as error:
            refused = str(error)
        return {"tools": sorted(tool.name for tool in tools), "thing": thing.structured_content, "refused": refused}


print(json.dumps(asyncio.run(look(sys.argv[1]))))
