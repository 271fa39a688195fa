from __future__ import annotations

import pytest

from tasks.qa.data import WORDS, FunctionQuestions, summary


def test_questions_and_references() -> None:
    data = FunctionQuestions(["json", "shutil", "statistics"], eval_size=10)
    entries = [*data.entries("eval"), *data.entries("train")]
    answers = {entry.question: entry.reference for entry in entries}
    assert len(answers) > 30
    assert answers["In Python, what does statistics.median_low do?"] == "Return the low median of numeric data."
    assert "In Python, what is json.JSONDecodeError?" in answers
    assert all(len(reference.split()) in WORDS for reference in answers.values())


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("sum(a, axis=None)\n\nSum of the\nelements. Nothing else.", "Sum of the elements."),
        ("where(c, x,\n      y) -> array\n\nChoose", "Choose."),
        ("f(x) returns x.", "f(x) returns x."),
        ("See :class:`~a.B`, ``1 < 2``, `.C` and `text <target>`_.", "See a.B, 1 < 2, C and text."),
        ("Multiply *x* by **y**, 2 * 3 * 4:", "Multiply x by y, 2 * 3 * 4."),
        ("Apply :math:`y = x`.", ""),
        (".. deprecated:: 1.0", ""),
        ("", ""),
    ],
)
def test_summary(docstring: str, expected: str) -> None:
    assert summary(docstring) == expected
