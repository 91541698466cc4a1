from __future__ import annotations

import contextlib
import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.courses import files as limits
from learning.courses.content import Course, NumericItem
from learning.courses.package import PackageFaulty, parse, read_package, read_zipped_package
from learning.courses.store import canonical
from tests.learning.courses.faults import BROKEN, BROKEN_FAULTS, Edit, edits, faults_of_edit, faults_of_folder
from tests.learning.courses.packages import SILENCE, edited, example_package, write_package, zipped


def faults(files: dict[str, bytes]) -> list[str]:
    with pytest.raises(PackageFaulty) as refused:
        parse(files)
    return [str(fault) for fault in refused.value.found]


class TestFaults:
    def test_a_package_with_many_faults_names_them_all_at_once_in_order(self) -> None:
        assert faults_of_folder(BROKEN) == BROKEN_FAULTS.read_text().splitlines()

    @pytest.mark.parametrize("edit", edits(), ids=lambda edit: f"{edit['file']} {edit['new']}")
    def test_one_mistake_is_named_where_it_stands(self, edit: Edit) -> None:
        assert edit["faults"], "this edit should be a mistake"
        assert faults_of_edit(edit) == edit["faults"]

    def test_the_error_carries_each_fault_as_a_field(self) -> None:
        with pytest.raises(PackageFaulty) as refused:
            parse(edited("course.yaml", "language: en", "language: English"))
        (fault,) = refused.value.faults
        assert fault.field == "course.yaml:3:11 language"
        assert "language tag" in fault.message

    def test_only_a_course_that_is_declared_imported_is_spared_the_rules_of_teaching(self) -> None:
        feedback = "        feedback: Two pieces can be very different. What if one of them is tiny?\n"
        silent = edited("items/questions.yaml", feedback, "")
        assert faults(silent)
        declared = silent["course.yaml"].replace(b"language: en", b"language: en\nimported: true")
        assert parse({**silent, "course.yaml": declared}).course.imported
        broken = declared.replace(b"prerequisites: [halves]", b"prerequisites: [thirds]")
        assert faults({**silent, "course.yaml": broken})

    def test_nothing_at_all_is_a_fault_and_not_a_crash(self) -> None:
        assert faults({}) == ["course.yaml:1:1: file: A package has a file course.yaml: write one."]

    @pytest.mark.parametrize("file", ["course.yaml", "items/questions.yaml", "lessons/halves.md"])
    def test_an_empty_file_is_a_fault(self, file: str) -> None:
        assert faults({**example_package(), file: b""})

    def test_a_file_that_is_not_utf_8_is_named_with_the_place(self) -> None:
        files = example_package()
        files["course.yaml"] = files["course.yaml"].replace(b"fairly", "für alle".encode("latin-1"))
        assert faults(files) == ["course.yaml:2:17: file: This is not UTF-8: save the file as UTF-8."]

    def test_a_control_character_is_named_with_the_place(self) -> None:
        found = faults(edited("course.yaml", "fairly", "fair\x1bly"))
        assert found == ["course.yaml:2:20: file: Remove the control character U+001B from here."]

    def test_authors_own_words_cannot_break_a_line_or_steer_a_terminal(self) -> None:
        found = faults(edited("items/questions.yaml", "answer: 4", 'answer: "4\\n\\e[2J\\u202e"'))
        assert all(line.isprintable() for line in found)

    def test_a_misspelt_part_does_not_make_every_reference_to_it_a_fault(self) -> None:
        assert len(faults(edited("items/questions.yaml", "difficulty: 0.2", "difficulty: high"))) == 1
        assert len(faults(edited("items/questions.yaml", "  - id: which-is-half", "  - id: [which"))) == 1


class TestRead:
    def test_the_example_of_the_guide_is_a_whole_course(self) -> None:
        course = parse(example_package()).course
        assert [lesson.id for lesson in course.lessons] == ["halves", "quarters"]
        assert {item.kind for item in course.items} == {"choice", "multiple", "numeric", "text"}
        assert course.lessons[0].simpler.startswith("Fold the paper")
        assert "## Simpler" not in course.lessons[0].body
        assert course.media[0].captions.startswith("WEBVTT")
        assert course.media[0].transcript.startswith("A voice says")

    def test_a_course_is_the_same_after_a_round_trip_through_json(self) -> None:
        course = parse(example_package()).course
        assert Course.model_validate_json(canonical(course)) == course

    def test_yaml_words_stay_as_they_were_written(self) -> None:
        files = edited("items/questions.yaml", "stem: You share", "stem: no\n    simpler: 1:30\n    x: y")
        files["items/questions.yaml"] = files["items/questions.yaml"].replace(b"    x: y", b"    #")
        files["items/questions.yaml"] = files["items/questions.yaml"].replace(b"answer: 4", b"answer: 010")
        item = next(item for item in parse(files).course.items if item.id == "half-of-eight")
        assert isinstance(item, NumericItem)
        assert (item.stem, item.simpler, item.answer) == ("no", "1:30", "010")

    def test_line_ends_and_byte_order_marks_do_not_change_the_course(self) -> None:
        files = example_package()
        windows = {
            name: content if name.endswith(".wav") else b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n")
            for name, content in files.items()
        }
        assert parse(windows).course == parse(files).course

    def test_the_order_of_lessons_is_that_of_the_course_file(self) -> None:
        files = example_package()
        files["lessons/zzz.md"] = files.pop("lessons/halves.md")
        assert [lesson.id for lesson in parse(files).course.lessons] == ["halves", "quarters"]

    def test_the_recording_is_kept_under_its_digest(self) -> None:
        package = parse(example_package())
        (recording,) = package.recordings
        assert (recording.content, recording.media_type) == (SILENCE, "audio/wav")
        assert package.course.media[0].sha256 == recording.sha256


class TestFolder:
    def test_a_folder_and_its_archive_are_the_same_package(self, tmp_path: Path) -> None:
        files = example_package()
        folder = write_package(files, tmp_path)
        assert read_package(folder) == read_zipped_package(zipped(files)) == parse(files)

    def test_an_archive_may_hold_the_folder_itself(self) -> None:
        files = {f"sharing/{name}": content for name, content in example_package().items()}
        assert read_zipped_package(zipped(files)).course.id == "sharing"

    def test_a_path_that_is_no_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PackageFaulty, match="fault"):
            read_package(tmp_path / "absent")

    def test_a_link_is_refused_and_what_it_leads_to_is_not_read(self, tmp_path: Path) -> None:
        folder = write_package(example_package(), tmp_path / "package")
        secret = tmp_path / "secret.yaml"
        secret.write_text("items: [secret]")
        (folder / "items" / "link.yaml").symlink_to(secret)
        (folder / "outside").symlink_to(tmp_path)
        assert faults_of_folder(folder) == [
            "items/link.yaml:1:1: file: Links are not followed: put the file itself here.",
            "outside:1:1: file: Links are not followed: put the file itself here.",
        ]

    def test_a_pipe_does_not_hang_the_reader(self, tmp_path: Path) -> None:
        folder = write_package(example_package(), tmp_path)
        os.mkfifo(folder / "items" / "pipe.yaml")
        assert len(faults_of_folder(folder)) == 1

    def test_hidden_files_are_no_part_of_a_package(self, tmp_path: Path) -> None:
        folder = write_package({**example_package(), ".git/config": b"x", "items/.swp": b"x"}, tmp_path)
        assert faults_of_folder(folder) == []

    def test_a_file_in_the_wrong_place_is_a_fault(self, tmp_path: Path) -> None:
        strangers = {"items/deep/er/x.yaml": b"x", "items/a.yml": b"x", "notes.txt": b"x"}
        folder = write_package({**example_package(), **strangers}, tmp_path)
        assert [fault.split(":")[0] for fault in faults_of_folder(folder)] == [
            "items/a.yml",
            "items/deep/er",
            "notes.txt",
        ]

    def test_a_file_that_is_too_large_is_a_fault(self, tmp_path: Path) -> None:
        large = {"items/more.yaml": b"#" * (limits.MAX_TEXT_BYTES + 1)}
        folder = write_package({**example_package(), **large}, tmp_path)
        (fault,) = faults_of_folder(folder)
        assert fault == "items/more.yaml:1:1: file: This file is larger than 256 KiB: split it into several."

    def test_a_file_name_that_cannot_be_printed_is_a_fault(self, tmp_path: Path) -> None:
        folder = write_package({**example_package(), "items/a\x07.yaml": b"x"}, tmp_path)
        (fault,) = faults_of_folder(folder)
        assert "cannot be printed" in fault
        assert fault.isprintable()

    def test_a_file_that_cannot_be_read_is_a_fault(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = write_package(example_package(), tmp_path)

        def refuse(path: Path) -> bytes:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(limits, "_read", refuse)
        assert "course.yaml:1:1: file: This file cannot be read (Permission denied)." in faults_of_folder(
            folder
        )

    def test_too_many_files_are_a_fault(self, tmp_path: Path) -> None:
        many = {f"items/{n}.yaml": b"" for n in range(limits.MAX_FILES + 1)}
        folder = write_package(many, tmp_path)
        assert any("at most 500 files" in fault for fault in faults_of_folder(folder))


class TestArchive:
    @pytest.mark.parametrize(
        "name", ["../x.yaml", "items/../../x.yaml", "/etc/x.yaml", "a\\b.yaml", "C:x.yaml"]
    )
    def test_a_name_that_leads_outside_is_refused(self, name: str) -> None:
        with pytest.raises(PackageFaulty) as refused:
            read_zipped_package(zipped({**example_package(), name: b"x"}))
        assert ["stay inside" in fault.message for fault in refused.value.found] == [True]

    def test_a_link_in_an_archive_is_refused(self) -> None:
        packed = io.BytesIO(zipped(example_package()))
        with zipfile.ZipFile(packed, "a") as archive:
            link = zipfile.ZipInfo("items/link.yaml")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, "/etc/passwd")
        with pytest.raises(PackageFaulty) as refused:
            read_zipped_package(packed.getvalue())
        assert [fault.mark.file for fault in refused.value.found] == ["items/link.yaml"]

    def test_an_entry_that_plain_unpacking_cannot_read_is_refused(self) -> None:
        packed = io.BytesIO(zipped(example_package()))
        with zipfile.ZipFile(packed, "a", zipfile.ZIP_LZMA) as archive:
            archive.writestr("items/packed.yaml", "items: []")
        with pytest.raises(PackageFaulty) as refused:
            read_zipped_package(packed.getvalue())
        assert [fault.mark.file for fault in refused.value.found] == ["items/packed.yaml"]

    @pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
    def test_two_files_of_one_name_are_refused(self) -> None:
        packed = io.BytesIO(zipped(example_package()))
        with zipfile.ZipFile(packed, "a") as archive:
            archive.writestr("course.yaml", "id: other")
        with pytest.raises(PackageFaulty) as refused:
            read_zipped_package(packed.getvalue())
        assert ["twice" in fault.message for fault in refused.value.found] == [True]

    def test_a_damaged_entry_is_named(self) -> None:
        packed = zipped(example_package())
        at = packed.index(b"course.yaml") + 60
        with pytest.raises(PackageFaulty) as refused:
            read_zipped_package(packed[:at] + bytes(20) + packed[at + 20 :])
        assert "course.yaml:1:1: file: This entry is damaged: pack it again." in map(str, refused.value.found)

    def test_folders_and_a_packers_own_files_are_no_part_of_a_package(self) -> None:
        extra = {"items/": b"", "__MACOSX/items/._x": b"x", ".DS_Store": b"x"}
        assert read_zipped_package(zipped({**extra, **example_package()})).course.id == "sharing"

    def test_what_unpacks_to_too_much_is_refused_without_unpacking_it(self) -> None:
        bomb = {f"media/{n}.wav": bytes(limits.MAX_MEDIA_BYTES + 1) for n in range(2)}
        with pytest.raises(PackageFaulty) as refused:
            read_zipped_package(zipped({**example_package(), **bomb}))
        assert all("larger than" in fault.message for fault in refused.value.found)

    @given(st.binary(max_size=400))
    def test_bytes_that_are_no_archive_are_refused(self, archive: bytes) -> None:
        with pytest.raises(PackageFaulty):
            read_zipped_package(archive)

    @given(st.data())
    def test_a_damaged_archive_is_read_or_refused(self, data: st.DataObject) -> None:
        packed = bytearray(zipped(example_package()))
        for _ in range(data.draw(st.integers(1, 4))):
            packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
        with contextlib.suppress(PackageFaulty):
            assert read_zipped_package(bytes(packed)).course.lessons


SNIPPETS = [
    "",
    ":",
    "- ",
    "---\n",
    "\t",
    "&a ",
    "*a",
    "!x ",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "|",
    ">",
    "? ",
    "<b>",
]
SNIPPETS += [
    "\r\n",
    "\x00",
    "\ufeff",
    "\u2028",
    "é",
    "1e999",
    "nan",
    "null",
    "~",
    "no",
    "0x1",
    "../",
    "## Simpler\n",
]


@given(st.data())
def test_a_mutated_package_is_a_course_or_a_list_of_faults_and_never_a_crash(data: st.DataObject) -> None:
    """Passages of the example are cut, doubled, moved between files or replaced by awkward characters."""
    files = example_package()
    names = sorted(files)
    for _ in range(data.draw(st.integers(1, 6))):
        name = data.draw(st.sampled_from(names))
        content = files.get(name, b"")
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 60)))
        other = files.get(data.draw(st.sampled_from(names)), b"")
        at = data.draw(st.integers(0, len(other)))
        files[name] = (
            content[:start]
            + data.draw(
                st.one_of(
                    st.sampled_from(SNIPPETS).map(str.encode),
                    st.just(content[start:end] * 2),
                    st.just(other[at : at + 80]),
                    st.binary(max_size=3),
                )
            )
            + content[end:]
        )
        if data.draw(st.integers(0, 9)) == 0:
            del files[name]
    try:
        course = parse(files).course
    except PackageFaulty as faulty:
        found = faulty.found
        assert found == tuple(sorted(set(found)))
        assert all(
            str(fault).isprintable() and fault.mark.line > 0 and fault.mark.column > 0 for fault in found
        )
    else:
        assert Course.model_validate_json(canonical(course)) == course
