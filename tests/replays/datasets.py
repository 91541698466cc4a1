"""A made-up presentation in the form of the Open University dataset."""

from __future__ import annotations

from pathlib import Path

LEARNERS = 20
LEFT = 6


def university(folder: Path) -> Path:
    """20 learners; two left before the start, six leave later and hand nothing in; the others hand in all."""
    folder.mkdir(parents=True, exist_ok=True)
    assessments = [(1, "TMA", 10, 20), (2, "CMA", 24, 20), (3, "TMA", 50, 60)]
    registrations, submissions = [], []
    for number in range(LEARNERS):
        left = -3 if number < 2 else 16 + 10 * (number - 2) if number < 2 + LEFT else None
        registrations.append(f"XYZ,2013J,{100 + number},{-30 + number},{'' if left is None else left}")
        if left is None:
            submissions += [
                f"{key},{100 + number},{due + (number % 3) - 1},0,{60 + number}"
                for key, _, due, _ in assessments
            ]
    tables = {
        "courses": "code_module,code_presentation,module_presentation_length\nXYZ,2013J,70",
        "assessments": "\n".join(
            [
                "code_module,code_presentation,id_assessment,assessment_type,date,weight",
                *(f"XYZ,2013J,{key},{kind},{due},{weight}" for key, kind, due, weight in assessments),
            ]
        ),
        "studentRegistration": "\n".join(
            ["code_module,code_presentation,id_student,date_registration,date_unregistration", *registrations]
        ),
        "studentAssessment": "\n".join(
            ["id_assessment,id_student,date_submitted,is_banked,score", *submissions]
        ),
    }
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(f"{text}\n")
    return folder
