"""Official clients, unchanged, against the base URLs of a server: prints what they understood, as one JSON object.

Run by the Python of `build/clients`; gets the server's address.
"""

import asyncio
import json
import sys

import anthropic
import openai

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
ASK = [{"role": "user", "content": "Hi"}]


def of_openai(base: str, model: str) -> dict[str, object]:
    """Plain, streamed with tools and usage, responses, embeddings, errors."""
    client = openai.OpenAI(base_url=base, api_key="anything", max_retries=2)
    said: dict[str, object] = {}
    plain = client.chat.completions.create(model=model, messages=ASK, extra_body={"reasoning_details": [{"x": 1}]})
    said["plain"] = plain.choices[0].message.content
    said["extra"] = plain.choices[0].message.model_extra
    pieces, arguments, usage = [], "", None
    for chunk in client.chat.completions.create(
        model=model, messages=ASK, tools=[TOOL], stream=True, stream_options={"include_usage": True}
    ):
        usage = chunk.usage.total_tokens if chunk.usage else usage
        for choice in chunk.choices:
            pieces.append(choice.delta.content or "")
            arguments += "".join(call.function.arguments for call in choice.delta.tool_calls or ())
    said["stream"] = ["".join(pieces), arguments, usage]
    said["response"] = client.responses.create(model=model, input="Hi").output_text
    said["embedding"] = client.embeddings.create(model=model, input="Hi").data[0].embedding
    try:
        client.chat.completions.create(model="limited", messages=ASK)
    except openai.RateLimitError as error:
        said["limited"] = [error.status_code, error.body["message"], error.response.headers["retry-after"]]
    except openai.NotFoundError as error:
        said["limited"] = [error.status_code, error.code]
    try:
        for _ in client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "cut"}], stream=True
        ):
            pass
        said["cut"] = "it looked whole"
    except openai.APIError as error:
        said["cut"] = error.code
    return said


async def of_anthropic(base: str, model: str) -> dict[str, object]:
    """Plain, streamed with thinking and a tool, counted, errors."""
    client = anthropic.AsyncAnthropic(base_url=base, api_key="anything", max_retries=2)
    said: dict[str, object] = {}
    given = {"model": model, "max_tokens": 99, "messages": ASK}
    said["plain"] = (await client.messages.create(**given)).content[0].text
    async with client.messages.stream(**given, extra_headers={"anthropic-beta": "a,b"}) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_message()
    thinking, tool = final.content
    said["stream"] = [thinking.signature, tool.input, final.usage.input_tokens, final.usage.output_tokens]
    said["counted"] = (await client.messages.count_tokens(model=model, messages=ASK)).input_tokens
    try:
        await client.messages.create(**given | {"model": "limited"})
    except anthropic.RateLimitError as error:
        said["limited"] = [error.status_code, error.body["error"]["message"]]
    except anthropic.NotFoundError as error:
        said["limited"] = [error.status_code, error.body["error"]["type"]]
    return said


def refused(base: str, path: str) -> dict[str, object]:
    """A refusal that only a person can lift is not tried again."""
    client = openai.OpenAI(base_url=base, api_key="anything", max_retries=5)
    try:
        client.get(path, cast_to=object)
    except openai.APIStatusError as error:
        return {"status": error.status_code, "code": error.code}
    return {"status": 200}


def main() -> None:
    server = sys.argv[1]
    sys.stdout.write(
        json.dumps(
            {
                "openai": of_openai(f"{server}/use/openrouter.ai/api/v1", "a/b"),
                "anthropic": asyncio.run(of_anthropic(f"{server}/use/api.anthropic.com", "claude")),
                "openai at /v1": of_openai(f"{server}/v1", "openrouter/a/b"),
                "anthropic at /v1": asyncio.run(of_anthropic(server, "anthropic/claude")),
                "refused": refused(f"{server}/use/openrouter.ai/api/v1", "/credits"),
                "unknown": refused(f"{server}/use/nobody.example/v1", "/models"),
            }
        )
    )


if __name__ == "__main__":
    main()
