"""A front in a notebook: its figures are those of front.json."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from plotly.graph_objects import Figure

from rsoup_lightning.errors import ConfigError, FrontError, RunFolderError, UnknownNameError
from rsoup_lightning.files import write_json
from rsoup_lightning.front.choices import ChoicesError
from rsoup_lightning.playing.run_front import RunFront
from tests.running import front


def test_points_figures_and_hypervolume_are_the_records(run: Path) -> None:
    made, record = RunFront.load(run), front(run)
    assert made.points == record["points"] and made.experts == made.rewards == ["risky", "cautious"]
    assert made.hypervolume() == record["summary"]["hypervolume_normalised"]["soup"]
    figure = made.plot()
    assert isinstance(figure, Figure) and len(figure.data) > 3
    assert repr(made) == "RunFront(locomotion: 4 points, risky, cautious)"
    with pytest.raises(UnknownNameError, match="picture of this front 'spidr'"):
        made.plot("spidr")
    with pytest.raises(UnknownNameError, match="family of points of this front 'morl'"):
        made.hypervolume("morl")
    record["summary"]["hypervolume_normalised"]["soup"] = None
    with pytest.raises(FrontError, match="no volume"):
        RunFront(run, record).hypervolume()


def test_a_table_has_a_row_per_point(run: Path) -> None:
    pytest.importorskip("pandas")
    table, points = RunFront.load(run).to_dataframe(), front(run)["points"]
    assert table["scores.risky"].tolist() == [point["scores"]["risky"] for point in points]
    assert table["kind"].tolist() == ["expert", "soup", "expert", "init"]


def test_a_table_without_pandas(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match=r"pip install 'rsoup_lightning\[notebook\]'"):
        RunFront.load(run).to_dataframe()


def test_runs_that_are_not_there_or_not_finished(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="nowhere is not a run: give the folder of a run of rsoup soup"):
        RunFront.load(tmp_path / "nowhere")
    shutil.copytree(run, tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"rum is not a run: did you mean .*run\?"):
        RunFront.load(tmp_path / "rum")
    (tmp_path / "run" / "front.json").unlink()
    with pytest.raises(RunFolderError, match="run is not finished: give its rsoup soup command again"):
        RunFront.load(tmp_path / "run")
    write_json(tmp_path / "run" / "front.json", {"schema": 1})
    with pytest.raises(FrontError, match="schema 1"):
        RunFront.load(tmp_path / "run")


def test_expected_scores_are_those_of_a_measured_point(run: Path) -> None:
    front = RunFront.load(run)
    expected = front.expected({"risky": 0.5, "cautious": 0.5})
    assert expected is not None and expected.point is not None
    assert expected.scores == front.points[expected.point]["scores"]
    with pytest.raises(UnknownNameError):
        front.expected({"riski": 1.0})


def test_choices_pick_as_their_preference_does(run: Path) -> None:
    front = RunFront.load(run)
    experts = [index for index, point in enumerate(front.points) if point["kind"] == "expert"]
    best, worst = sorted(experts, key=lambda index: -front.points[index]["scores"]["risky"])
    chosen = front.pick_by_choices([{"preferred": {"point": best}, "other": {"point": worst}}] * 3)
    assert chosen.learnt is not None and chosen.learnt.choices == 3
    assert chosen.coefficients == front.pick(chosen.preference).coefficients
    with pytest.raises(ChoicesError):
        front.pick_by_choices([])
