"""Which file a new utility goes to: what no file can hold is parted by tag, else by the path.

A file that is read again may be as large as the manifest's own bounds allow; parts are kept well below, so that
there is room for what a person adds and for the next import.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.messages import words
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.result import slug

MOST_CHARACTERS = 420 * 1024
MOST_VALUES = 36_000
MANY = 24
SMALL = 16 * 1024
"""So many files with no more than so many characters each are a heap that nobody finds anything in."""
FEWEST_TAGS = 3
MOST_BEGIN = 0.9
MOST_SEGMENTS = 40
"""Different beginnings of paths that still make a file each."""
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a file something takes."""

    characters: int = 0
    values: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.characters + other.characters, self.values + other.values)

    @property
    def fits(self) -> bool:
        return self.characters <= MOST_CHARACTERS and self.values <= MOST_VALUES


def size_of(text: str, utility: Json) -> Size:
    """How much a utility takes that is written like this."""
    return Size(len(text) + 1, _values(utility) + 1)


def size_of_file(text: str, values: Json) -> Size:
    return Size(len(text), _values(values))


def total(sizes: Iterable[Size]) -> Size:
    together = Size()
    for size in sizes:
        together += size
    return together


def homes(
    wanted: Mapping[str, tuple[str, str]],
    sizes: Mapping[str, Size],
    taken: Mapping[str, Size],
    *,
    by_tag: bool = False,
) -> dict[str, str]:
    """Utility → the file it goes to. `wanted`: utility → its tag and path; `taken`: how full files are already.

    `by_tag`: also where that makes many small files.
    """
    groups = _groups(wanted)
    if not by_tag and len(groups) > MANY and total(sizes.values()).characters < len(groups) * SMALL:
        start = _start([path for _, path in wanted.values()])
        fewer = _groups({name: ("", path[start:]) for name, (_, path) in wanted.items()})
        groups = fewer if 2 * len(fewer) <= len(groups) else groups
    room = dict(taken)
    found: dict[str, str] = {}
    for group, names in groups.items():
        for home, members in _parted(group, names, wanted, sizes, room, depth=0):
            room[home] = room.get(home, Size()) + total(sizes[name] for name in members)
            found |= dict.fromkeys(members, home)
    return found


def _groups(wanted: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    """By the tag, else by the first segment of the path."""
    groups: dict[str, list[str]] = {}
    before = _before_tags([tag for tag, _ in wanted.values() if tag])
    untagged = {_slug(_segment(path, 0)) for tag, path in wanted.values() if not _slug(tag)}
    for name, (tag, path) in wanted.items():
        own = _slug(_segment(path, 0)) if len(untagged) <= MOST_SEGMENTS else ""
        groups.setdefault(_slug(tag[before:]) or own or "others", []).append(name)
    return groups


def _before_tags(tags: list[str]) -> int:
    """The length of what all tags begin with, up to a new word: `Api20100401`."""
    first, last = (min(tags), max(tags)) if len({*tags}) >= FEWEST_TAGS else ("", "")
    differs = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    same = first[: next(differs, min(len(first), len(last)))]
    begins = "isalpha" if same[-1:] in "_- ./" else "isupper"
    whole = all(getattr(tag[len(same) : len(same) + 1], begins)() for tag in tags)
    return len(same) if whole else 0


def _start(paths: list[str]) -> int:
    """The length of the segments that all but a few of the paths begin with."""
    start = 0
    while True:
        following = Counter(path[: path.find("/", start + 1)] for path in paths if path.find("/", start + 1) > 0)
        same, count = following.most_common(1)[0] if following else ("", 0)
        if count < MOST_BEGIN * len(paths):
            return start
        start = len(same)


def _parted(
    group: str,
    names: list[str],
    wanted: Mapping[str, tuple[str, str]],
    sizes: Mapping[str, Size],
    room: Mapping[str, Size],
    *,
    depth: int,
) -> Iterable[tuple[str, list[str]]]:
    """A group as one file, or by the next segment of its paths, or as files with numbers."""
    home = f"{group}.md"
    if (room.get(home, Size()) + total(sizes[name] for name in names)).fits:
        yield home, names
        return
    below: dict[str, list[str]] = {}
    for name in names:
        below.setdefault(_segment(wanted[name][1], depth), []).append(name)
    if depth < 6 and max(map(len, below.values())) < len(names) and len(below) <= MOST_SEGMENTS:
        for segment, members in below.items():
            own = _slug(segment)
            longer = f"{group}-{own}"[:LONGEST_NAME].rstrip("-") if own not in ("", group) else group
            yield from _parted(longer, members, wanted, sizes, room, depth=depth + 1)
    elif depth < 6 and len(below) == 1:
        yield from _parted(group, names, wanted, sizes, room, depth=depth + 1)
    else:
        yield from _numbered(group, names, sizes, room)


def _numbered(
    group: str, names: list[str], sizes: Mapping[str, Size], room: Mapping[str, Size]
) -> Iterable[tuple[str, list[str]]]:
    number, members = 1, list[str]()
    used = dict(room)
    for name in names:
        home = _numbered_home(group, number)
        while not (used.get(home, Size()) + sizes[name]).fits and (members or used.get(home)):
            if members:
                yield home, members
            number, members = number + 1, []
            home = _numbered_home(group, number)
        used[home] = used.get(home, Size()) + sizes[name]
        members.append(name)
    if members:
        yield _numbered_home(group, number), members


def _numbered_home(group: str, number: int) -> str:
    return f"{group}.md" if number == 1 else f"{group}-{number}.md"


def _segment(path: str, index: int) -> str:
    """The segment of a path at this place, versions and params left out."""
    plain = [part for part in path.strip("/").split("/") if part and "{" not in part and not _is_version(part)]
    return re.sub(r"\.(?:json|xml)$", "", plain[index]) if index < len(plain) else ""


def _is_version(part: str) -> bool:
    return part.lower() == "api" or (part[:1] in "vV" and part[1:2].isdigit())


def _slug(text: str) -> str:
    text = "-".join(words(text)) if re.fullmatch(r"[A-Za-z\d]*[a-z\d][A-Z][A-Za-z\d]*", text) else text
    name = slug(text)[:LONGEST_NAME].strip("-") if re.search("[a-z0-9]", text.lower()) else ""
    return f"{name}-calls" if name in ("readme", "skill") else name


def _values(value: Json) -> int:
    if isinstance(value, dict):
        return 2 + sum(1 + _values(below) for below in value.values())
    if isinstance(value, list):
        return 2 + sum(map(_values, value))
    return 1
