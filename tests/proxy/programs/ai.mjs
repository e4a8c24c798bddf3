// What the Vercel AI SDK understands through the base URLs of a server: `node ai.mjs URL` prints one JSON object.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.NODE_PROGRAMS + "/"));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { generateText, jsonSchema, streamText, tool } = await load("ai");
const { createOpenAI } = await load("@ai-sdk/openai");
const { createAnthropic } = await load("@ai-sdk/anthropic");

const server = process.argv[2];
const tools = { look: tool({ inputSchema: jsonSchema({ type: "object", properties: { a: { type: "number" } } }) }) };

async function streamed(model, prompt = "Hi") {
  const seen = { text: "", deltas: "", call: null, signature: null, usage: null, error: null };
  const result = streamText({ model, prompt, tools, maxRetries: 0, onError: () => {} });
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") seen.text += part.text;
    if (part.type === "tool-input-delta") seen.deltas += part.delta;
    if (part.type === "tool-call") seen.call = part.input;
    if (part.providerMetadata?.anthropic?.signature) seen.signature = part.providerMetadata.anthropic.signature;
    if (part.type === "finish") seen.usage = [part.totalUsage.inputTokens, part.totalUsage.outputTokens];
    if (part.type === "error") seen.error = String(part.error?.message ?? part.error);
  }
  return seen;
}

async function refused(model, maxRetries) {
  try {
    await generateText({ model, prompt: "Hi", maxRetries });
    return "it went well";
  } catch (error) {
    const last = error.lastError ?? error;
    return [last.statusCode, last.message, last.isRetryable];
  }
}

async function all(model, limited) {
  const plain = await generateText({ model, prompt: "Hi", maxRetries: 0 });
  return { plain: plain.text, stream: await streamed(model), limited: await refused(limited, 1) };
}

const openai = createOpenAI({ baseURL: `${server}/use/openrouter.ai/api/v1`, apiKey: "none" });
const openaiFace = createOpenAI({ baseURL: `${server}/v1`, apiKey: "none" });
const anthropic = createAnthropic({ baseURL: `${server}/use/api.anthropic.com/v1`, apiKey: "none" });
const anthropicFace = createAnthropic({ baseURL: `${server}/v1`, apiKey: "none" });
const unknown = createOpenAI({ baseURL: `${server}/use/nobody.example/v1`, apiKey: "none" });
console.log(
  JSON.stringify({
    openai: await all(openai.chat("a/b"), openai.chat("limited")),
    responses: (await generateText({ model: openai.responses("a/b"), prompt: "Hi", maxRetries: 0 })).text,
    "openai at /v1": await all(openaiFace.chat("openrouter/a/b"), openaiFace.chat("limited")),
    anthropic: await all(anthropic("claude"), anthropic("limited")),
    "anthropic at /v1": await all(anthropicFace("anthropic/claude"), anthropicFace("limited")),
    cut: await streamed(openai.chat("a/b"), "cut"),
    unknown: await refused(unknown.chat("a"), 3),
  }),
);
