"""Jobs of SLURM, by its own commands, for which a script stands in."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.launchers import slurm
from rsoup_lightning.run.launchers.launch import launch_of
from rsoup_lightning.run.launchers.launcher import Ended
from rsoup_lightning.run.launchers.slurm import Slurm, checked
from rsoup_lightning.run.recipes.recipe_parser import recipe_parser
from tests.conftest import ROOT, PointFineTuner
from tests.run.launchers.conftest import EXPERT, Unfinished
from tests.run.launchers.fake_slurm import installed, queued
from tests.running import POINT_RECIPE

pytest.importorskip("submitit")


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the jobs of a SLURM that is there."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name, value in installed(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    return tmp_path / "slurm" / "jobs"


@pytest.fixture
def idle(jobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, where jobs wait until they are cancelled and nothing is looked at for long."""
    monkeypatch.setattr(slurm, "ASK_EVERY", 0.0)
    (tmp_path / "slurm" / "bin" / "python").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "slurm" / "bin" / "python").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "slurm" / "bin" / "python"))
    return jobs


def launcher(run: Path, workers: int | None = None, **options: object) -> Slurm:
    return Slurm(run, workers, checked({"partition": "gpu", **options}), RunProgress("", 0))


def test_a_job_survives_its_driver_is_found_again_and_comes_back_where_it_is_to_leave(
    jobs: Path, unfinished: Unfinished
) -> None:
    launcher(unfinished.run, time=240).submit(EXPERT)  # by a driver that is no more
    unfinished.trains()
    second = launcher(unfinished.run)
    second.submit(EXPERT)
    (job,) = queued(jobs)
    for signal in ("SIGTERM", "SIGUSR2"):
        subprocess.run(["scancel", "--signal", signal, job], check=True)
    assert second.wait() == Ended(EXPERT)
    assert len(unfinished.begun()) == 2 and (jobs / job / "requeued").exists()
    assert unfinished.ends_the_same()
    script = (unfinished.task.place / "slurm" / f"{job}_submission.sh").read_text()
    assert "--partition=gpu" in script and "--time=240" in script and f"--job-name=run/{EXPERT}" in script
    second.close()


def until(condition: Callable[[], object]) -> None:
    """Wait for it."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_job_that_is_gone_without_a_word_has_died(idle: Path, tmp_path: Path) -> None:
    ours = launcher(tmp_path / "run")
    ours.submit("init")
    (job,) = queued(idle)
    until((idle / job / "step").exists)
    subprocess.run(["scancel", job], check=True)
    until((idle / job / "ended").exists)
    log = tmp_path / "run" / ".workers" / "init" / "slurm" / f"{job}_0_log.out"
    assert ours.wait() == Ended("init", f"its job {job} ended without a word: see {log}", died=True) and log.exists()
    ours.submit("init")  # another try is another job
    assert queued(idle) == ["101"]
    ours.close()


def test_as_many_jobs_as_asked_for_and_none_is_left(idle: Path, tmp_path: Path) -> None:
    ours = launcher(tmp_path / "run", workers=2)
    for stage in "abc":
        ours.submit(stage)
    assert len(queued(idle)) == 2
    until(lambda: all((idle / job / "step").exists() for job in queued(idle)))
    ours.close()
    until(lambda: not queued(idle))
    assert len([*idle.iterdir()]) == 2


def test_what_slurm_refuses(idle: Path, tmp_path: Path) -> None:
    (tmp_path / "slurm" / "bin" / "sbatch").write_text(
        "#!/bin/sh\necho 'invalid partition specified: gpu' >&2; exit 1\n"
    )
    with pytest.raises(ConfigError, match="SLURM takes no job: invalid partition specified: gpu"):
        launcher(tmp_path / "run").submit("init")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"partitoin": "gpu"}, "unknown option of slurm 'partitoin': did you mean 'partition'"),
        ({"nodes": 2}, r"slurm\.nodes: remove it: a stage is one task"),
        ({"time": "04:30"}, r"slurm\.time is '04:30': it must be a whole number of minutes"),
        ({"time": 0}, r"slurm\.time is 0: it must be at least 1"),
        ({"setup": "module load python"}, r"slurm\.setup is 'module load python': it must be a list"),
    ],
)
def test_options_are_refused_by_name(jobs: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(Exception, match=said):
        launch_of("slurm", None, options)


def test_options_may_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    (tmp_path / "cluster.yaml").write_text("launcher: slurm\nslurm: {partition: gpu, gpus_per_node: 1}\n")
    files = ["-c", str(tmp_path / "point.yaml"), "-c", str(tmp_path / "cluster.yaml")]
    config = recipe_parser(PointFineTuner).parse_args([*files, "--slurm.time", "240"])
    assert config.launcher == "slurm" and config.slurm == {"partition": "gpu", "gpus_per_node": 1, "time": 240}


def test_where_there_is_no_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match='no job can be submitted from here: Could not detect "srun"'):
        launch_of("slurm", None)
