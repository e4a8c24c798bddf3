// An agent in plain JavaScript (Node 18 and later, no packages): it shows what a model says while it says it, runs the
// tools the model wants, and goes on until there is an answer.
//
//     agentos serve --simulate                  # no key, no cost; or `agentos serve` with a key
//     node examples/agent.mjs openrouter        # the same agent with anthropic, ollama, openai, gemini
//     node examples/agent.mjs gemini "Do I need an umbrella in Lima?"
//
// The models are skills and so are the tools: every call is a POST to the runtime, which keeps the keys.

const MODELS = {
  openrouter: "anthropic/claude-haiku-4.5",
  anthropic: "claude-haiku-4-5",
  ollama: "qwen3",
  openai: "gpt-5-mini",
  gemini: "gemini-2.5-flash",
};
const MAX_TURNS = 8;
const coordinates = { latitude: { type: "number" }, longitude: { type: "number" } };
const TOOLS = [
  {
    name: "find_place",
    description: "Places of a name, with their coordinates",
    input_schema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
  },
  {
    name: "current",
    description: "The weather now at a latitude and a longitude",
    input_schema: { type: "object", properties: coordinates, required: ["latitude", "longitude"] },
  },
];
const SERVER = process.env.AGENTOS_URL ?? "http://127.0.0.1:3456";

function post(skill, utility, params) {
  const headers = { "Content-Type": "application/json", "X-Agent": "weather" };
  return fetch(`${SERVER}/api/skills/${skill}/${utility}`, { method: "POST", headers, body: JSON.stringify(params) });
}

// The events of a stream, each {event, data}; comments are left out.
async function* events(response) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body) {
    rest += decoder.decode(chunk, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (fields.event) yield { event: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

// One reply of the model: its text is shown as it comes, and `done` holds all of it.
async function ask(skill, params) {
  const response = await post(skill, "chat", { ...params, stream: true });
  if (!response.ok) throw new Error(`The model cannot be asked: ${(await response.json()).error}`);
  for await (const { event, data } of events(response)) {
    if (event === "delta" && data.content) process.stdout.write(data.content);
    if (event === "error") throw new Error(`The model stopped: ${data.error}`);
    if (event === "done") return data;
  }
  throw new Error("The model stopped without a word");
}

async function run(skill, model, question) {
  const messages = [{ role: "user", content: question }];
  for (let turn = 1; turn <= MAX_TURNS; turn++) {
    const reply = await ask(skill, { model, messages, tools: TOOLS });
    messages.push({ role: "assistant", ...reply }); // the reply goes back as it came
    if (reply.native_stop_reason === "pause_turn") continue; // asked again, the turn goes on
    if (reply.stop_reason !== "tool_use") return process.stdout.write("\n");
    for (const wanted of reply.tool_calls) {
      const result =
        wanted.input === null ? { error: wanted.problem } : await (await post("open-meteo", wanted.name, wanted.input)).json();
      console.log(`${turn}. ${wanted.name} ${JSON.stringify(wanted.input)} → ${JSON.stringify(result)}`);
      messages.push({ role: "tool", tool_call_id: wanted.id, content: result });
    }
  }
  throw new Error(`No answer after ${MAX_TURNS} turns`);
}

const [skill = "openrouter", question = "What is the weather in Tromsø?", model = MODELS[skill]] = process.argv.slice(2);
run(skill, model, question).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
