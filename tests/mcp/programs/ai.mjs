// What the MCP client of the Vercel AI SDK sees: `node ai.mjs URL` prints one JSON object. Run by tests/mcp/test_clients.py.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.NODE_PROGRAMS + "/"));
const { createMCPClient } = await import(pathToFileURL(require.resolve("@ai-sdk/mcp")));

const client = await createMCPClient({ transport: { type: "http", url: process.argv[2] } });
const tools = await client.tools();
const options = { toolCallId: "1", messages: [] };
const thing = await tools.test_thing.execute({ id: "t1" }, options);
const refused = await tools.test_thing.execute({ id: 7 }, options);
console.log(JSON.stringify({ tools: Object.keys(tools).sort(), thing, refused }));
await client.close();
