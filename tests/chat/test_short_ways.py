"""The short ways of the OpenRouter skill, which most calls take, give what its long ways give."""

from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.jq.program import Program, value_program
from agentos_runtime.jsontext import dump, parse
from tests.chat.support import Expressions, load
from tests.chat.test_any_answer import FEW, arguments, envelope, having, objects, odd, texts, usage
from tests.recorded import exchanges


@cache
def of_skill(source: str) -> Program:
    skill = load("openrouter").skill
    assert skill is not None
    return value_program(skill.definitions, source)


SHORT = ".body | .choices as $choices | try text_reply($choices) catch null"
BOTH = f". as $in | [({SHORT}), (.body | whole_reply($in.asked))]"
MESSAGES = (
    "[provider_messages, (.system | system_message) + (with_sent_names | named_messages | map(provider_message))]"
)
finished = st.fixed_dictionaries(
    {
        "index": st.just(0),
        "finish_reason": st.just("stop"),
        "message": having(role=st.just("assistant"), refusal=st.none(), reasoning=st.none()).flatmap(
            lambda rest: st.fixed_dictionaries({"content": texts}).map(lambda said: {**rest, **said})
        ),
    },
    optional={"native_finish_reason": odd(texts), "logprobs": st.none()},
)
plain = st.fixed_dictionaries(
    {"choices": st.lists(finished, min_size=1, max_size=1)},
    optional={
        **{name: odd(texts) for name in ("id", "model", "provider", "service_tier", "system_fingerprint")},
        "created": odd(st.integers(0, 9)),
        "usage": odd(usage),
    },
)
said = having(role=odd(st.sampled_from(["user", "system", "assistant", "tool"])), content=odd(texts))
called = having(
    role=st.just("assistant"),
    content=odd(texts),
    tool_calls=st.lists(having(id=odd(texts), name=texts, input=objects, arguments=arguments), max_size=2),
)


def outputs(expressions: Expressions, program: Program, body: Any) -> Any:
    """What the program gives; None where it fails."""
    outcome = expressions.run(program, dump({"body": body}))
    return None if outcome.failure else outcome.outputs[0][0]


@FEW
@given(plain | envelope("message"), st.none() | st.integers(1, 9))
def test_a_reply_is_the_same_by_either_way(expressions: Expressions, answer: Any, limit: int | None) -> None:
    both = outputs(expressions, of_skill(BOTH), {"asked": {"max_tokens": limit}, "body": answer})
    if both is not None and both[0] is not None:
        assert both[0] == both[1]


@FEW
@given(
    st.none() | texts, st.lists(said | called | odd(objects), max_size=4), st.none() | st.lists(having(name=texts))
)
def test_messages_are_the_same_by_either_way(
    expressions: Expressions, system: Any, messages: list[Any], tools: list[Any] | None
) -> None:
    both = outputs(expressions, of_skill(MESSAGES), {"system": system, "messages": messages, "tools": tools})
    if both is not None:
        assert both[0] == both[1]


def test_most_recorded_texts_take_the_short_way(expressions: Expressions) -> None:
    answers = [parse(each.body) for each in exchanges("*") if each.status == 200 and not each.streamed]
    texts = [answer for answer in answers if is_text(answer)]
    assert len(texts) > 3
    assert all(outputs(expressions, of_skill(BOTH), {"asked": {}, "body": answer})[0] for answer in texts)


def is_text(answer: Any) -> bool:
    """Whether it is a whole chat, and its one choice nothing but a text that came to its end."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not choices or len(choices) > 1 or choices[0].get("finish_reason") != "stop":
        return False
    message = choices[0].get("message") or {}
    return isinstance(message.get("content"), str) and not any(
        value for name, value in message.items() if name not in ("role", "content")
    )
