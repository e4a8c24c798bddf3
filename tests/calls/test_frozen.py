"""Values that are made on every call: not frozen as they run, yet compared and hashed as frozen ones."""

from dataclasses import fields

from agentos_runtime.calls.call import Call, Timings


def test_values_of_a_call_compare_and_hash_by_what_they_hold() -> None:
    one, other = Timings(1.0, 2.0, 3.0), Timings(1.0, 2.0, 3.0)
    assert (one, hash(one)) == (other, hash(other))
    assert one != Timings(1.0, 2.0, 4.0)


def test_values_of_a_call_take_no_other_fields_and_show_no_params() -> None:
    call = Call("toy", "echo", {"secret": "of the caller"})
    assert not hasattr(call, "__dict__")
    assert "of the caller" not in repr(call)
    assert [each.name for each in fields(Timings)] == ["total_ms", "upstream_ms", "expressions_ms", "waiting_ms"]
