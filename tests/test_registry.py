from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from rsoup_lightning import registry
from rsoup_lightning.errors import ConfigError, RSoupWarning, UnknownNameError
from tests.conftest import ROOT, PointFineTuner


def test_our_task_is_registered_through_the_entry_point() -> None:
    task = registry.get("locomotion")
    assert task.reward("risky").effort == 0
    assert registry.fine_tuner("locomotion").__name__ == "LocomotionFineTuner"
    assert registry.fine_tuner("tests.conftest:PointFineTuner").__name__ == "PointFineTuner"


def test_the_fine_tuner_of_a_task_is_bound_to_it() -> None:
    pytest.importorskip("transformers")
    from rsoup_lightning.modalities.language import LanguageFineTuner

    qa, review = registry.fine_tuner("qa"), registry.fine_tuner("review")
    assert issubclass(qa, LanguageFineTuner) and issubclass(review, LanguageFineTuner)
    assert (qa.task, review.task, LanguageFineTuner.task) == (registry.get("qa"), registry.get("review"), None)
    assert qa.__doc__ == LanguageFineTuner.__doc__


def test_rewards_are_built_with_their_arguments() -> None:
    task = registry.Task("t", "t", "m:C", rewards={"some": ("builtins:dict", {"effort": 2.0}), "none": "builtins:dict"})
    assert (task.reward("some"), task.reward("none")) == ({"effort": 2.0}, {})


def test_unknown_names_suggest() -> None:
    with pytest.raises(UnknownNameError, match="unknown task 'locomotio': did you mean 'locomotion'"):
        registry.fine_tuner("locomotio")
    with pytest.raises(UnknownNameError, match="did you mean 'cautious'"):
        registry.get("locomotion").reward("cautius")


@pytest.mark.parametrize("path", ["no_such_module:Thing", "tests.conftest:Nothing", "math."])
def test_what_cannot_be_imported(path: str) -> None:
    cure = ": if it is yours, run from the folder that holds it, or put that folder on PYTHONPATH"
    with pytest.raises(ConfigError, match="cannot import") as caught:
        registry.imported(path)
    assert str(caught.value).endswith(cure) == path.startswith("no_such_module")


TASK = registry.Task("good", "fine", "tests.conftest:PointFineTuner")
BROKEN = {
    "absent": ("no_such_module:TASK", r"'absent' of .* cannot be loaded \(No module named 'no_such_module'\): mend or"),
    "moved": ("tests.conftest:TASK", "'moved' of .*unknown name in tests.conftest 'TASK'"),
    "odd": ("tests.conftest:ROOT", "'odd' of .*, not a Task of that name"),
    "misnamed": ("tests.test_registry:TASK", "'misnamed' of .*, not a Task of that name"),
    "raises": ("raising_plugin:TASK", r"'raises' of .* cannot be loaded \(RuntimeError: no licence\)"),
    "twice": (
        "tests.test_registry:TASK",
        "'twice' of .* registered twice, as tests.test_registry:TASK and elsewhere:T",
    ),
}


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """One good task and one of each broken kind, beside nothing else."""
    (tmp_path / "raising_plugin.py").write_text("raise RuntimeError('no licence')")
    monkeypatch.syspath_prepend(tmp_path)
    values = {name: value for name, (value, _) in BROKEN.items()} | {"good": "tests.test_registry:TASK"}
    entries = [EntryPoint(name, value, registry.GROUP) for name, value in values.items()]
    entries.append(EntryPoint("twice", "elsewhere:T", registry.GROUP))
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    registry._entries.cache_clear()
    yield
    registry._entries.cache_clear()


def test_broken_plugins_are_warned_of_and_left_out(plugins: None) -> None:
    with pytest.warns(RSoupWarning) as seen:
        assert registry.tasks() == {"good": TASK}
    assert [re.search(r"entry point '(\w+)'", str(warning.message))[1] for warning in seen] == sorted(BROKEN)  # type: ignore[index]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_an_error_for_who_asks_for_it(plugins: None, name: str) -> None:
    with pytest.raises(ConfigError, match=BROKEN[name][1]):
        registry.fine_tuner(name)


@pytest.mark.filterwarnings("error")
def test_no_task_is_loaded_for_another(plugins: None) -> None:
    assert registry.get("good") is TASK
    with pytest.raises(UnknownNameError, match="did you mean 'good'"):
        registry.get("goood")


def test_recipes_go_by_name() -> None:
    assert {"locomotion/quickstart", "review/llama"} <= set(registry.recipes())
    assert (
        registry.find_recipe("locomotion/quickstart").read_text()
        == (ROOT / "conf" / "locomotion" / "quickstart.yaml").read_text()
    )


def test_a_file_comes_before_a_recipe_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "locomotion" / "quickstart").mkdir(parents=True)
    assert registry.find_recipe("locomotion/quickstart").is_relative_to(registry.RECIPES)
    (tmp_path / "locomotion" / "humanoid").write_text("")
    assert registry.find_recipe("locomotion/humanoid") == Path("locomotion/humanoid")


@pytest.mark.parametrize("name", ["locomotion/quikstart", "locomotion/quickstart.yml", "quickstart", "../x", ""])
def test_a_recipe_that_is_not_there(name: str) -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown recipe \(neither a file nor one of ours\).* rsoup tasks lists them"
    ):
        registry.find_recipe(name)


def test_a_bound_fine_tuner_has_all_options_of_its_own(plugins: None) -> None:
    """Also where it gives its base the first arguments by place."""
    bound, own = ArgumentParser(), ArgumentParser()
    bound.add_class_arguments(registry.fine_tuner("good"), "model")
    own.add_class_arguments(PointFineTuner, "model")
    assert "--model.algorithm" in own.format_help()
    assert bound.format_help() == own.format_help()
