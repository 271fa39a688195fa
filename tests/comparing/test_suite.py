from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rsoup_lightning.comparing.bench import check_cells
from rsoup_lightning.comparing.cells import cells_of
from rsoup_lightning.comparing.choosing_cell import ChoosingCell
from rsoup_lightning.comparing.peer_cell import PeerCell
from rsoup_lightning.comparing.run_cell import RunCell
from rsoup_lightning.comparing.suite import read_suite
from rsoup_lightning.errors import RSoupError
from tests.comparing.shrunk import shrunk
from tests.comparing.suites import MADE_PEER, POINT_SUITE, write_suite
from tests.conftest import ROOT, needs

TASK = POINT_SUITE["tasks"]["point"]


def test_what_a_suite_says(tmp_path: Path) -> None:
    suite = read_suite(write_suite(tmp_path))
    assert suite.compared_with == "soup" and suite.seeds == [0, 1]
    assert suite.tasks["point"].box == {"east": (-2.0, 0.0), "north": (-2.0, 0.0)}
    assert suite.methods["experts"].cost == 1.5
    assert read_suite(write_suite(tmp_path, reference="experts")).compared_with == "experts"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"methods": {"soup": {"costs": 2}}}, "unknown key of methods.soup 'costs': did you mean 'cost'"),
        ({"methods": {"soup": None}}, "methods.soup is None, not a mapping"),
        ({"methods": {"soup": {"cost": 0}}}, "methods.soup.cost is 0.0: give a number above 0"),
        ({"methods": {"a/b": {}}}, "methods: 'a/b' names folders"),
        ({"methods": {"soup": {"overrides": [1]}}}, r"methods.soup.overrides is \[1\], not a mapping"),
        ({"methods": {"soup": {"cost": float("inf")}}}, "methods.soup.cost is inf"),
        (
            {"methods": {"soup": {"overrides": {"trainer": {"max_epochs": 3}}}}},
            r"methods.soup.overrides: trainer is no",
        ),
        ({"methods": {"soup": {"overrides": {3: 4}}}}, r"methods.soup.overrides: 3 is no key"),
        ({"tasks": {"point": {**TASK, "box": {"east": [-2, float("inf")]}}}}, "east in the box of point is"),
        ({"methods": {"soup": {"seconds": 3}}}, "methods.soup: remove seconds: only a peer stops at a time"),
        ({"methods": {"made": {"peer": MADE_PEER, "seconds": 3, "cost": 2}}}, "methods.made has both cost and seconds"),
        ({"methods": {"made": {"peer": MADE_PEER, "seconds": 0}}}, "methods.made.seconds is 0.0: give a number"),
        ({"methods": {"made": {"peer": {"class_path": "MadPeer"}}}}, r"methods.made.peer: .*MadPeer"),
        ({"methods": {"soup": {"overrides": {"task": "review"}}}}, "methods.soup: remove task: the recipe has it"),
        ({"methods": None}, "methods is None: give a mapping"),
        ({"methods": {}}, "methods of the suite .* is empty"),
        ({"methods": {"soup": {"overrides": {"trainer.max_epochs": 3}}}}, "methods.soup: remove trainer.max_epochs"),
        ({"methods": {"soup": {"overrides": {"soup.morl": []}}}}, "methods.soup: remove soup.morl: make MORL a method"),
        (
            {"methods": {"soup": {"overrides": {"soup.reference_point.east": 0}}}},
            "remove soup.reference_point.east: the",
        ),
        (
            {"methods": {"soup": {"overrides": {"soup.split": "dev"}}}},
            "methods.soup: remove soup.split: all methods are",
        ),
        ({"tasks": {"point": {"recipe": "point.yaml"}}}, "required: tasks.point.box"),
        (
            {"tasks": {"point": {**TASK, "box": {"east": [0, -2]}}}},
            "east in the box of point is .* the score at 0 below",
        ),
        ({"tasks": {"point": {**TASK, "box": {"east": [0]}}}}, "tasks.point.box: expected tuple with 2 elements"),
        ({"tasks": {"point": {**TASK, "box": {}}}}, "the box of point is empty"),
        ({"tasks": {"point": {**TASK, "beside": {"far": {"east": [0, 0]}}}}}, "east in the box of point_far"),
        ({"tasks": {"point": {**TASK, "beside": {"b": TASK["box"]}}, "point_b": TASK}}, "the name of a box beside"),
        ({"reference": "soop"}, "unknown method .reference. 'soop': did you mean 'soup'"),
        ({"seeds": [1, 1]}, "names a seed twice"),
        ({"seeds": [-1]}, "the seed is -1"),
        ({"sedes": [1]}, "unknown key 'sedes': did you mean 'seeds'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RSoupError, match=said):
        read_suite(write_suite(tmp_path, **changes))


def test_the_suite_of_the_manual(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "howto" / "bench.md").read_text(), re.S | re.M)
    (text,) = (block for block in blocks if "methods:" in block)
    (tmp_path / "suite.yaml").write_text(text)
    cells = cells_of(read_suite(tmp_path / "suite.yaml"), tmp_path, tmp_path)
    ours = [cell for cell in cells if isinstance(cell, RunCell)]
    epochs = {cell.method: sum(stage.epochs for stage in cell.trainings if stage.start) for cell in ours}
    assert epochs["soup"] == epochs["bone_soup"] and epochs["morl"] == 5.5 * epochs["soup"]  # as it says


SUITES = sorted((ROOT / "benchmarks" / "suites").glob("*.yaml"))


@pytest.mark.parametrize("suite", SUITES, ids=lambda file: file.stem)
def test_suites_of_ours_name_recipes_and_settings_that_are_there(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if suite.stem != "text":  # whose classifiers are worth keeping, and not what is pre-trained for a step
        monkeypatch.setenv("RSOUP_CACHE", str(tmp_path / "cache"))
    cells = cells_of(shrunk(read_suite(suite), tmp_path), suite.parent, tmp_path / "out")
    choosing = [cell for cell in cells if isinstance(cell, ChoosingCell)]
    check_cells([cell for cell in cells if isinstance(cell, RunCell)] + choosing)
    tried = [run for cell in choosing for run in (*cell.tried.values(), *cell.whole.values())]
    for run in [cell for cell in cells if not isinstance(cell, ChoosingCell)] + tried:
        yaml.safe_dump(run.config)
    assert suite.read_text().startswith(f"# rsoup bench benchmarks/suites/{suite.name}")


@needs("morl_baselines", extra="bench")
@pytest.mark.parametrize("suite", [file for file in SUITES if "peers" in file.stem], ids=lambda file: file.stem)
def test_peers_of_our_suites_are_there_and_have_their_settings(suite: Path, tmp_path: Path) -> None:
    cells = cells_of(read_suite(suite), suite.parent, tmp_path)
    peers = [cell for cell in cells if isinstance(cell, PeerCell)]
    check_cells(peers)
    assert peers


def test_methods_that_share_their_text_have_the_same_overrides(tmp_path: Path) -> None:
    shared = {"overrides": {"soup.kind": "one_hot"}}
    file = write_suite(tmp_path, methods={"one": shared, "two": shared})
    assert "*" in file.read_text()  # an alias of YAML
    one, two = read_suite(file).methods.values()
    assert one.overrides == two.overrides == {"soup.kind": "one_hot"}
