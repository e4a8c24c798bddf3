"""Which utility lies in which file of a skill, and which of them calls what."""

from collections.abc import Mapping

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.build import Generated, route_of
from agentos_runtime.importers.names.routes import Route, matching
from agentos_runtime.importers.skill_file import SkillFile, rename_utility
from agentos_runtime.importers.splitting import homes, size_of, size_of_file, total
from agentos_runtime.importers.yamltext import utility_text
from agentos_runtime.jsontext import Json

MAIN = "readme.md"
"""The name under which a plan knows the skill's first file, whatever it is called on disk."""


@dataclass(frozen=True, slots=True)
class Part:
    """What an import says in one file."""

    manifest: dict[str, Json]
    docs: str
    texts: Mapping[str, str]
    """How its utilities are written."""


def utilities_of(values: Mapping[str, Json]) -> dict[str, Json]:
    below = values.get("utilities")
    return below if isinstance(below, dict) else {}


def routes(files: Mapping[str, SkillFile]) -> dict[Route, list[str]]:
    """What the utilities of a skill call → their names."""
    base = files[MAIN].values if MAIN in files else {}
    found: dict[Route, list[str]] = {}
    for file in files.values():
        for name, one in file.utilities.items():
            here = route_of(one, base)
            if here is not None:
                found.setdefault(here, []).append(name)
    return found


def settled_names(files: Mapping[str, SkillFile], generated: Generated) -> dict[str, SkillFile]:
    """The files, in which a utility that is to be called otherwise is."""
    settled = dict(files)
    names = matching(generated.routes, routes(files))
    taken = {name for file in files.values() for name in file.utilities}
    for here, wanted in generated.routes.items():
        old = names.get(here, [wanted])[0]
        if old != wanted and wanted not in taken:
            settled = {name: rename_utility(file, old, wanted, name) for name, file in settled.items()}
    return settled


def split_up(generated: Generated, mine: Mapping[str, SkillFile], *, split: bool) -> dict[str, Part]:
    """What the import says in each file: a utility stays where it lies; a new one goes to the file of its tag."""
    texts = {name: utility_text(name, one) for name, one in utilities_of(generated.manifest).items()}
    lies = {utility: name for name, file in mine.items() for utility in file.utilities}
    utilities = utilities_of(generated.manifest)
    goes = lies | _new_homes(
        generated, {n: one for n, one in utilities.items() if n not in lies}, texts, mine, split
    )
    titles: dict[str, str] = {}
    contents: dict[str, dict[str, Json]] = {name: {} for name in mine}
    for name, one in utilities.items():
        home = goes[name]
        titles.setdefault(home, generated.tags.get(name, "") or home.removesuffix(".md"))
        contents.setdefault(home, {})[name] = one
    others = [name for name in contents if name != MAIN]
    main = {key: value for key, value in generated.manifest.items() if key != "utilities"}
    if others:
        main["parts"] = _listed(mine, others)
    if contents.get(MAIN) or not others:
        main["utilities"] = {**contents.get(MAIN, {})}
    parts = {MAIN: Part(main, generated.docs, texts)}
    for name in others:
        docs = f"# {titles[name]}\n" if name in titles else mine[name].docs
        parts[name] = Part({"utilities": {**contents[name]}}, docs, texts)
    return parts


def _listed(mine: Mapping[str, SkillFile], others: list[str]) -> list[Json]:
    """The parts in the order of the file, new ones last."""
    there = mine[MAIN].values.get("parts") if MAIN in mine else None
    known: list[Json] = there if isinstance(there, list) else []
    return [*known, *(name for name in others if name not in known)]


def _new_homes(
    generated: Generated,
    new: Mapping[str, Json],
    texts: Mapping[str, str],
    mine: Mapping[str, SkillFile],
    split: bool,
) -> dict[str, str]:
    """The first file, while it has room; else, or when that is asked for, a file for each tag."""
    sizes = {name: size_of(texts[name], one) for name, one in new.items()}
    taken = {name: size_of_file(file.text, file.values) for name, file in mine.items()}
    room = taken.get(MAIN) or size_of_file(generated.docs, {**generated.manifest, "utilities": {}})
    if not split and len(mine) < 2 and total([room, *sizes.values()]).fits:
        return dict.fromkeys(new, MAIN)
    paths = {name: here[1] for here, name in generated.routes.items()}
    wanted = {name: (generated.tags.get(name, ""), paths.get(name, "")) for name in new}
    return homes(wanted, sizes, taken, by_tag=split)
