from __future__ import annotations

import json
from pathlib import Path

import pytest

from rsoup_lightning.errors import ConfigError, RSoupError, RunFolderError
from rsoup_lightning.run.finished.experts import experts_folder, trained_experts


def _run(folder: Path, seeds: list[int] | None, front: object) -> Path:
    for place in (folder / f"seed-{seed}" for seed in seeds) if seeds else [folder]:
        (place / "experts").mkdir(parents=True)
    if seeds:
        (folder / "run.json").write_text(json.dumps({"seeds": seeds}))
    (folder / "front.json").write_text(json.dumps(front))
    return folder


def test_experts_come_in_the_order_of_the_front(tmp_path: Path) -> None:
    one = _run(tmp_path / "one", None, {"experts": ["kind", "brief"]})
    several = _run(tmp_path / "several", [4, 2], {"experts": ["b", "a"]})
    assert list(trained_experts(one).items()) == [(name, one / "experts" / name) for name in ("kind", "brief")]
    assert trained_experts(several)["b"] == several / "seed-4" / "experts" / "b"


def test_another_seed(tmp_path: Path) -> None:
    several = _run(tmp_path / "several", [4, 2], {})
    assert experts_folder(several, 2) == (2, several / "seed-2" / "experts")
    with pytest.raises(ConfigError, match="its seeds are 4, 2"):
        experts_folder(several, 3)
    with pytest.raises(ConfigError, match="leave --seed 1 out"):
        experts_folder(_run(tmp_path / "one", None, {}), 1)


@pytest.mark.parametrize("front", [{}, [], {"experts": []}, {"experts": [1]}, {"experts": "kind"}])
def test_a_front_without_experts_is_refused(tmp_path: Path, front: object) -> None:
    with pytest.raises(RunFolderError, match="lists no experts"):
        trained_experts(_run(tmp_path, None, front))


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RSoupError, match="a run that rsoup soup has completed"):
        trained_experts(tmp_path)
