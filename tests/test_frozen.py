"""Classes of values behave as those of the standard library."""

import copy
import dataclasses
import inspect
import pickle
from dataclasses import field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.frozen import dataclass

VALUES = st.none() | st.integers() | st.text() | st.tuples(st.integers())


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


@dataclass(frozen=True, slots=True)
class One:
    only: object


@dataclass(frozen=True, slots=True)
class Several:
    first: object
    second: object = field(default="hidden", repr=False)
    third: object = field(default=None, compare=False)


@dataclass(slots=True)
class Changing:
    first: object
    second: object = None


@dataclass(frozen=True, slots=True, eq=False)
class Single:
    only: object


@dataclasses.dataclass(frozen=True, slots=True)
class StandardSeveral:
    first: object
    second: object = field(default="hidden", repr=False)
    third: object = field(default=None, compare=False)


def every_kind(dataclass: Any) -> Any:
    """A class of fields of every kind."""

    @dataclass(slots=True)
    class Every:
        first: int
        second: int = 2
        third: list[int] = field(default_factory=list)
        fourth: int = field(default=4, kw_only=True)
        fifth: list[int] = field(default_factory=lambda: [5], init=False)
        sixth: int = field(default=6, init=False)
        seventh: int = field(init=False)

        def __post_init__(self) -> None:
            self.seventh = self.first + self.second

    return Every


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((1,), {}), ((1, 3, [4]), {"fourth": 5}), ((), {"first": 1}), ((), {}), ((1, 2, [3], 4), {}),
        ((1,), {"first": 1}), ((1,), {"fifth": []}), ((1,), {"nothing": 1}),
    ],
)  # fmt: skip
def test_objects_are_made_as_those_of_standard_dataclasses(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    def made(of: Any) -> list[str]:
        told = []
        for _ in range(2):
            try:
                one, other = of(*given, **named), of(*given, **named)
                told += [repr(one), str(one.third is other.third), str(one.fifth is other.fifth)]
            except TypeError as error:
                told.append(str(error))
        return told

    assert made(every_kind(dataclass)) == made(every_kind(dataclasses.dataclass))


def test_what_makes_an_object_is_written_with_the_first_one() -> None:
    every = every_kind(dataclass)
    before = every.__init__
    every(1)
    assert before is not every.__init__ is every.__init__
    assert "second" in inspect.signature(every).parameters


def test_a_class_tells_its_fields_before_there_is_an_object() -> None:
    @dataclass(frozen=True, slots=True)
    class Asked:
        name: str
        tags: list[str] = field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class AskedAgain(Asked):
        times: int = 2

    class Named(Asked):
        pass

    assert str(inspect.signature(Named)) == "(name, tags=<factory>)"
    assert str(inspect.signature(AskedAgain)) == "(name, tags=<factory>, times=2)"
    assert (Asked("a"), Named("a").name, AskedAgain("a").times) == (Asked("a", []), "a", 2)


@given(VALUES, VALUES, VALUES, VALUES, VALUES)
def test_values_compare_hash_and_show_themselves_as_standard_dataclasses_do(
    a: object, b: object, c: object, d: object, e: object
) -> None:
    ours, others = Several(a, b, c), Several(d, e)
    standard, standards = StandardSeveral(a, b, c), StandardSeveral(d, e)
    assert (ours == others, hash(ours), repr(ours)) == (
        standard == standards,
        hash(standard),
        repr(standard).removeprefix("Standard"),
    )
    assert (One(a) == One(d), Changing(a, b) == Changing(d, e)) == (a == d, (a, b) == (d, e))


def test_a_value_is_equal_to_none_of_another_class() -> None:
    others: list[object] = [Single(1), (1,), Nothing()]
    assert One(1) not in others
    assert (Nothing(), hash(Nothing())) == (Nothing(), hash(()))


def test_values_that_are_not_compared_are_equal_to_themselves_only() -> None:
    one = Single(1)
    assert (one == Single(1), one == one, len({one, Single(1)})) == (False, True, 2)


def test_what_can_change_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Changing(1))


def test_a_value_that_holds_itself_shows_itself_once() -> None:
    changing = Changing(1)
    changing.second = changing
    assert repr(changing) == "Changing(first=1, second=...)"


@given(VALUES, VALUES)
def test_values_are_copied_replaced_and_kept_whole(a: object, b: object) -> None:
    value = Several(a, b)
    assert copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
    assert dataclasses.replace(value, first=b) == Several(b, b)
