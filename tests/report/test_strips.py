from __future__ import annotations

import re

from rsoup_lightning.report.strips import strips
from tests.report.demo import demo_record


def drawings(record: dict, *, drawn: bool = True, prompts: tuple[str, ...] = ("a <cat>", "a dog")) -> list[list[dict]]:
    return [
        [{"title": prompt, "media": f"{prompt} {index if drawn else ''}"} for prompt in prompts]
        for index in range(len(record["points"]))
    ]


def test_a_row_per_prompt_in_the_order_of_coefficients() -> None:
    record = demo_record(2)
    page = strips(record, drawings(record))
    rows = page.split("<tr>")[2:]
    assert len(rows) == 2 and "a &lt;cat&gt;" in rows[0] and "a dog" in rows[1]
    shown = [int(index) for index in re.findall(r'data-at="(\d+),1"', rows[1])]
    assert sorted(shown) == list(range(len(record["points"])))
    kinds = [record["points"][index]["kind"] for index in shown]
    assert (kinds[0], kinds[-1]) == ("init", "morl")
    weights = [record["points"][index]["coefficients"]["reward_a"] for index in shown[1:-1]]
    assert weights == sorted(weights, reverse=True)


def test_nothing_where_all_saw_the_same_picture_or_none() -> None:
    record = demo_record(2)
    assert strips(record, drawings(record, drawn=False)) == ""
    bare = [[{**each, "media": ""} for each in row] for row in drawings(record)]
    assert strips(record, bare) == ""
    assert strips(record, [[] for _ in record["points"]]) == ""


def test_prompts_that_differ_make_no_row() -> None:
    record = demo_record(2)
    shown = drawings(record)
    shown[1][0]["title"] = "another"
    assert strips(record, shown).count('data-at="0,') == 1
