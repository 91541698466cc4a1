from __future__ import annotations

from collections.abc import Iterator

import pytest

from governance.passwords import WAITING, Passwords, SignInBusy, password_faults


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(threads=2)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("password", "context"),
    [
        ("short7!", ()),
        ("x" * 129, ()),
        ("aaaabbbb", ()),
        ("ABABabab", ()),
        ("Robin-2015-go", ("robin",)),
        ("i love LINDEN school", ("Linden School",)),
    ],
)
def test_a_password_that_others_would_try_first_is_refused(password: str, context: tuple[str, ...]) -> None:
    faults = password_faults(password, context)
    assert faults
    assert {fault.field for fault in faults} == {"password"}
    assert not any(password in fault.message for fault in faults)


def test_a_long_sentence_is_a_good_password_in_any_script() -> None:
    assert password_faults("sieben blaue Drachen", ("robin", "linden-school")) == []
    assert password_faults("семь синих драконов", ("robin",)) == []


def test_a_short_name_does_not_forbid_its_letters_everywhere() -> None:
    assert password_faults("avalanche-98", ("Ava",)) == []


async def test_only_the_right_password_matches(passwords: Passwords) -> None:
    stored = await passwords.hash("sieben blaue Drachen")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.matches(stored, "sieben blaue Drachen")
    assert not await passwords.matches(stored, "sieben blaue drachen")


async def test_nobodys_password_never_matches(passwords: Passwords) -> None:
    assert not await passwords.matches(None, "nobody's password: what an unknown address is compared with")


async def test_equal_passwords_have_different_hashes(passwords: Passwords) -> None:
    assert await passwords.hash("sieben blaue Drachen") != await passwords.hash("sieben blaue Drachen")


async def test_when_too_many_wait_the_next_is_told_at_once_and_room_comes_back(passwords: Passwords) -> None:
    for _ in range(WAITING):
        assert passwords._room.acquire(blocking=False)
    with pytest.raises(SignInBusy):
        await passwords.hash("sieben blaue Drachen")
    passwords._room.release()
    assert await passwords.hash("sieben blaue Drachen")
