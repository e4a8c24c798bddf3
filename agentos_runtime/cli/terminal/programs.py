"""What a skill would run on this machine, shown whole before it is approved."""

from collections.abc import Iterable, Sequence

from agentos_runtime.cli.terminal.output import dim, harmless, heading, plain, say
from agentos_runtime.manifest.model import Local, Skill
from agentos_runtime.security.pins import Pin, local_callables

_MEANS = (
    "It runs as you: with your files, your network and your rights. Approve it as if you ran it yourself.",
    "A change of any of it asks again: a program that writes into the skill's folder asks each time.",
)


def print_programs(skill: Skill, pins: Iterable[Pin], missing: Sequence[str]) -> None:
    """Scripts, queries, files, programs, databases and variables; nothing for a skill that runs nothing here."""
    callables = local_callables(skill)
    if not callables:
        return
    heading("It runs on this machine:")
    for utility in callables:
        local = utility.local
        assert local is not None
        say(f"  {plain(utility.name)}  {dim(local.executor)}")
        for text in _texts(local):
            say("\n".join(f"    {line}" for line in harmless(text).splitlines()))
    for pin in sorted(pin for pin in pins if pin.kind != "text"):
        say(f"  {plain(str(pin))}")
    for sentence in missing:
        say(f"  not there now, so it asks again when it is: {plain(sentence)}")
    for sentence in _MEANS:
        say(dim(f"  {sentence}"))


def _texts(local: Local) -> Iterable[str]:
    """What is run, as its file says it."""
    if local.executor == "sql":
        yield local.fixed["query"]
    elif local.executor == "python":
        yield f"{local.fixed['function']} of {local.fixed['module']}"
    else:
        words = (argument.text if argument.text is not None else "(a param)" for argument in local.arguments)
        yield " ".join([local.fixed["binary"], *words])
