"""Film strips: what every λ drew for the same prompt, from the same noise, side by side."""

from __future__ import annotations

import html
from collections.abc import Sequence

from rsoup_lightning.front.record import Record
from rsoup_lightning.report import view


def strips(record: Record, shown: Sequence[Sequence[Record]]) -> str:
    """A table with a row per prompt and a column per point; nothing where policies draw no pictures of their own.

    The pictures come from what the page holds already: each ``img`` says in ``data-at`` which is its.

    Args:
        record: the content of front.json.
        shown: what each point's policy produced, with its pictures in ``media``.
    """
    order = [*view.of_kind(record, "init"), *_by_coefficients(record), *view.of_kind(record, "morl")]
    rows = [_row(number, [shown[point] for point in order], order) for number in range(len(shown[order[0]]))]
    if not any(rows):
        return ""
    names = [view.short_label(record["points"][point]) for point in order]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ["prompt", *names])
    return f"<h2>Strips</h2><div class=wide><table class=strips><tr>{head}</tr>{''.join(rows)}</table></div>"


def _by_coefficients(record: Record) -> list[int]:
    """The merged points from the first expert to the last."""
    merged = view.of_kind(record, "expert", "soup")
    return sorted(
        merged, key=lambda index: [-merged[index]["coefficients"].get(name, 0.0) for name in record["experts"]]
    )


def _row(number: int, columns: Sequence[Sequence[Record]], order: Sequence[int]) -> str:
    """A prompt and what each point drew; empty where one drew nothing, or all show the same picture."""
    row = [shown[number] for shown in columns if number < len(shown)]
    if len(row) < len(columns) or any(each["title"] != row[0]["title"] or not each["media"] for each in row):
        return ""
    if len({each["media"] for each in row}) == 1:
        return ""  # what all of them saw, not what they drew
    pictures = "".join(f'<td><img data-at="{point},{number}" alt=""></td>' for point in order)
    return f"<tr><td>{html.escape(row[0]['title'])}</td>{pictures}</tr>"
