from __future__ import annotations

from rich.console import Console

from rsoup_lightning.comparing.tables import Table, tables
from tests.comparing.suites import made_up

BENCH = made_up({"soup": [[0.5, 0.2], [0.7, 0.2]], "other": [[0.5, 0.1], [0.7, 0.1]]})


def test_one_table_for_each_task_and_one_over_all() -> None:
    first, _, last = (table.markdown().splitlines() for table in tables(BENCH))
    assert first[2].startswith("| method | hypervolume | against soup | cost | steps |")
    assert first[4] == "| soup | 0.600 [-0.671, 1.871] | – | 1 × | 1,010 | 3.0 | 3.0 | 4.0 |"
    assert first[5] == "| other | 0.600 [-0.671, 1.871] | +0.0% [+0.0%, +0.0%] | 2 × | 1,010 | 3.0 | 3.0 | 4.0 |"
    assert last[5].endswith("| 0.25 [0.00, 0.50] |")


def test_a_single_seed_has_no_intervals() -> None:
    (table, _) = tables(made_up({"soup": [[0.5]]}))
    assert table.rows[0][:3] == ["soup", "0.500", "–"]


def test_for_a_terminal() -> None:
    console = Console(width=120, record=True)
    console.print(tables(BENCH)[1].rich())
    assert "-50.0% [-50.0%, -50.0%]" in console.export_text()


def test_names_are_written_as_they_are() -> None:
    table = Table("of [all]", ["method", "a|b"], [["Wu et al. [arXiv:2310.11564]", "[/left]"]])
    console = Console(width=120, record=True)
    console.print(table.rich())
    shown = console.export_text()
    assert all(text in shown for text in ("of [all]", "a|b", "Wu et al. [arXiv:2310.11564]", "[/left]"))
    assert table.markdown().splitlines()[2] == r"| method | a\|b |"
