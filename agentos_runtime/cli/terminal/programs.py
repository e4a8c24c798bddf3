"""What a skill would run on this machine, shown whole before it is approved."""

from collections.abc import Iterable, Sequence

from agentos_runtime.cli.terminal.output import dim, harmless, heading, plain, say
from agentos_runtime.manifest.model import Skill
from agentos_runtime.security.pins import Pin, code_of, local_callables

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
        say("\n".join(f"    {line}" for line in harmless(code_of(local)).splitlines()))
    for pin in sorted(pin for pin in pins if pin.kind != "text"):
        say(f"  {plain(str(pin))}")
    for sentence in missing:
        say(f"  not there now, so it asks again when it is: {plain(sentence)}")
    for sentence in _MEANS:
        say(dim(f"  {sentence}"))
