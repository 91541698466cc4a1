from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.sessions.chain import ChainBroken, decision_id, extend, follow
from learning.sessions.messages import NO_DIGEST, Cursor

Rows = list[tuple[int, UUID, UUID]]
rows = st.lists(st.tuples(st.uuids(), st.uuids()), max_size=12).map(
    lambda ids: [(number, *pair) for number, pair in enumerate(ids, start=1)]
)


def digest_of(answers: Rows) -> bytes:
    digest = NO_DIGEST
    for _, answer, decision in answers:
        digest = extend(digest, answer, decision)
    return digest


@given(rows, st.data())
def test_pulls_of_any_length_arrive_at_the_same_cursor(answers: Rows, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(answers)))
    halfway = follow(Cursor(), answers[:cut], cut, digest_of(answers[:cut]))
    assert follow(halfway, answers[cut:], len(answers), digest_of(answers)) == Cursor(
        seq=len(answers), digest=digest_of(answers).hex()
    )


@given(rows.filter(bool), st.data())
def test_a_lost_changed_or_swapped_answer_breaks_the_chain(answers: Rows, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(answers) - 1))
    lost = answers[:at] + answers[at + 1 :]
    changed = [*answers[:at], (at + 1, UUID(int=0), answers[at][2]), *answers[at + 1 :]]
    for forged in (lost, changed):
        with pytest.raises(ChainBroken):
            follow(Cursor(), forged, len(answers), digest_of(answers))


def test_a_decision_has_one_id_whichever_lane_makes_it() -> None:
    session, answer = UUID(int=1), UUID(int=2)
    assert decision_id(session, answer) == decision_id(session, answer)
    assert decision_id(session, answer).version == 8
    assert decision_id(answer, session) != decision_id(session, answer)
