"""JSON texts: how deep they may nest is the same on every Python."""

import pytest

from agentos_runtime.jsontext import DEEPEST, JsonTextError, parse


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":[', "]}")])
def test_what_nests_deeper_than_can_be_followed_is_refused_on_every_python(opening: str, closing: str) -> None:
    number = DEEPEST // opening.count("[") // (1 + opening.count("{"))
    parse(f"{opening * number}{closing * number}")
    for deeper in (number + 1, 3000, 100_000):
        with pytest.raises(JsonTextError, match="nested too deeply"):
            parse(f"{opening * deeper}{closing * deeper}")


def test_many_arrays_and_objects_beside_each_other_are_not_deep() -> None:
    assert parse("[" + ",".join(["[{}]"] * 2000) + "]") == [[{}]] * 2000
