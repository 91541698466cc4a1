from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from replays.make_sample import FILE, sample
from replays.response_log import LogUnfit, read_log

HEADER = "learner,item,skill,correct,started_at,answered_at"


def log(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "log.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (",i,s,1,2026-01-01T08:00:00,2026-01-01T08:00:09", "line 2, learner"),
        ("l,,s,1,2026-01-01T08:00:00,2026-01-01T08:00:09", "line 2, item"),
        ("l,i,s,maybe,2026-01-01T08:00:00,2026-01-01T08:00:09", "line 2, correct"),
        ("l,i,s,1,yesterday,2026-01-01T08:00:09", "line 2, started_at"),
        ("l,i,s,1,2026-01-01T08:00:00,", "line 2, answered_at"),
        ("l,i,s,1,2026-01-01T08:00:09,2026-01-01T08:00:00", "line 2, answered_at"),
    ],
)
def test_each_fault_is_named_by_line_and_column(tmp_path: Path, row: str, fault: str) -> None:
    with pytest.raises(LogUnfit) as unfit:
        read_log(log(tmp_path, row))
    assert [one.field for one in unfit.value.faults] == [fault]


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogUnfit, match="lacks correct"):
        read_log(log(tmp_path, header="learner,item,skill,started_at,answered_at"))
    with pytest.raises(LogUnfit, match="no response"):
        read_log(log(tmp_path))
    with pytest.raises(LogUnfit, match="cannot be read"):
        read_log(tmp_path / "absent.csv")


def test_rows_stand_in_the_order_of_answering_in_one_time_zone(tmp_path: Path) -> None:
    read = read_log(
        log(
            tmp_path,
            "b,i2,s,0,2026-01-01T10:00:00+01:00,2026-01-01T10:00:30+01:00",
            "a,i1,s;t,true,2026-01-01T08:59:00,2026-01-01T08:59:01.500",
            "a,i1,,1,2026-01-01T09:00:30,2026-01-02T09:00:30",
        )
    )
    assert [(one.learner, one.correct, one.skills) for one in read.responses] == [
        ("a", True, ("s", "t")),
        ("b", False, ("s",)),
        ("a", True, ("unnamed",)),
    ]
    assert read.responses[1].started_at == datetime(2026, 1, 1, 9, tzinfo=UTC)
    assert [one.response_ms for one in read.responses] == [1500, 30_000, None]
    assert not read.generated


def test_the_shipped_sample_is_what_its_maker_makes_and_says_that_it_is_generated() -> None:
    assert FILE.read_text("utf-8") == sample()
    assert read_log(FILE).generated
