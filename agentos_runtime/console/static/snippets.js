// The same call, as a person would write it in a terminal or in a program. Never with a key in it.

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const indented = (text, by) => text.replaceAll("\n", `\n${" ".repeat(by)}`);

/** Name → function of the call `{address, skill, utility, params}`, `params` as JSON text. */
export const SNIPPETS = {
  curl: ({ address, params }) => `curl ${quoted(address)} \\\n  -H 'X-Agent: me' --json ${quoted(params)}`,
  Python: ({ address, params }) => [
    "import json, urllib.request", "",
    `params = json.loads(r"""${params.replaceAll('"""', '""\\u0022')}""")`,
    "request = urllib.request.Request(",
    `    ${JSON.stringify(address)},`,
    "    data=json.dumps(params).encode(),",
    '    headers={"Content-Type": "application/json", "X-Agent": "me"},', ")",
    "print(json.load(urllib.request.urlopen(request)))"].join("\n"),
  JavaScript: ({ address, params }) => [
    `const answer = await fetch(${JSON.stringify(address)}, {`, '  method: "POST",',
    '  headers: { "Content-Type": "application/json", "X-Agent": "me" },',
    `  body: JSON.stringify(${indented(params, 2)}),`, "});", "console.log(await answer.json());"].join("\n"),
  CLI: ({ skill, utility, params }) => `agentos call ${skill} ${utility} --json ${quoted(params)}`,
  MCP: ({ skill, utility, params }) => `{\n  "jsonrpc": "2.0", "id": 1, "method": "tools/call",\n  "params": {\n    "name": ${JSON.stringify(toolName(skill, utility))},\n    "arguments": ${indented(params, 4)}\n  }\n}`,
};

const toolName = (skill, utility) => `${skill}_${utility}`;
