from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from runtime.memory import ShortMemory
from tests.clocks import SetClock


def remembering(size: int = 4) -> tuple[ShortMemory[str, int], SetClock]:
    clock = SetClock()
    return ShortMemory(clock, ttl_s=60.0, size=size), clock


def test_a_value_serves_until_its_time_is_over_and_then_leaves_memory() -> None:
    memory, clock = remembering()
    memory.put("a", 1, clock.monotonic())
    clock.advance(59.999)
    assert memory.get("a") == 1
    clock.advance(0.001)
    assert memory.get("a") is None
    assert len(memory) == 0


def test_time_counts_from_the_reading_not_from_the_remembering() -> None:
    memory, clock = remembering()
    read_at = clock.monotonic()
    clock.advance(30)
    memory.put("a", 1, read_at)
    clock.advance(30)
    assert memory.get("a") is None


def test_a_hit_does_not_lengthen_a_life() -> None:
    memory, clock = remembering()
    memory.put("a", 1, clock.monotonic())
    for _ in range(6):
        clock.advance(10)
        memory.get("a")
    assert memory.get("a") is None


def test_looking_up_one_key_lets_go_of_all_that_expired() -> None:
    memory, clock = remembering()
    memory.put("a", 1, clock.monotonic())
    memory.put("b", 2, clock.monotonic())
    clock.advance(60)
    memory.put("c", 3, clock.monotonic())
    memory.get("c")
    assert len(memory) == 1


def test_the_oldest_reading_goes_first_when_there_are_too_many() -> None:
    memory, clock = remembering(size=2)
    memory.put("a", 1, clock.monotonic())
    memory.put("b", 2, clock.monotonic())
    memory.put("a", 3, clock.monotonic())
    memory.put("c", 4, clock.monotonic())
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (3, None, 4)


def test_what_is_dropped_or_cleared_is_gone() -> None:
    memory, clock = remembering()
    memory.put("a", 1, clock.monotonic())
    assert memory.drop("a") == 1
    assert memory.drop("a") is None
    memory.put("b", 2, clock.monotonic())
    memory.clear()
    assert memory.get("b") is None


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans(), st.integers(0, 40)), max_size=60))
def test_no_value_is_ever_served_older_than_its_time_and_there_are_never_too_many(
    steps: list[tuple[str, bool, int]],
) -> None:
    memory, clock = remembering(size=3)
    read_at: dict[str, float] = {}
    for key, write, seconds in steps:
        clock.advance(seconds)
        if write:
            read_at[key] = clock.monotonic()
            memory.put(key, int(clock.monotonic()), clock.monotonic())
        elif memory.get(key) is not None:
            assert clock.monotonic() - read_at[key] < 60
        assert len(memory) <= 3


def test_threads_that_read_write_and_drop_at_once_do_not_break_it() -> None:
    memory, clock = remembering(size=8)
    faults: list[Exception] = []

    def work(seed: int) -> None:
        try:
            for turn in range(2_000):
                key = str((turn * seed) % 16)
                memory.put(key, turn, clock.monotonic())
                memory.get(key)
                if turn % 7 == 0:
                    memory.drop(key)
        except Exception as fault:  # noqa: BLE001  # whatever it is, the test must hear of it
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (3, 5, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(memory) <= 8
