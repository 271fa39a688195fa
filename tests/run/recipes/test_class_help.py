from __future__ import annotations

import re

import pytest
from jsonargparse import ArgumentParser

from rsoup_lightning.run.recipes.class_help import ClassFormatter, help_on_classes
from rsoup_lightning.run.recipes.parsing import parse
from rsoup_lightning.run.recipes.recipe_parser import fine_tuner_class, recipe_parser
from tests.conftest import PointFineTuner


def test_classes_are_listed_by_the_shortest_name_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    parser = recipe_parser(PointFineTuner)
    with pytest.raises(SystemExit) as ended:
        parse(parser, ["--soup.method.help"])
    assert ended.value.code == 0
    head, _, *listed = capsys.readouterr().out.splitlines()
    assert head.startswith("--soup.method takes one of these classes") and "--soup.method.help NAME tells" in head
    said = dict([*line.split(maxsplit=1), ""][:2] for line in listed)
    for name in ("BoneSoup", "MORL", "RewardedSoup", "WARP"):
        assert said[name], "a line on what it is"
        assert parse(parser, ["--soup.method", name]).soup.method.class_path.endswith(f".{name}")


def test_classes_that_no_recipe_has_brought_in_are_listed_by_their_dotted_paths() -> None:
    parser = recipe_parser(fine_tuner_class("review"))
    said = help_on_classes(parser, ["--model.data.help"], "review")
    assert said is not None
    paths = [line.split()[0] for line in said.splitlines()[2:]]
    assert {"RecordsFile", "ReviewBeginnings"} <= {path.rpartition(".")[2] for path in paths}
    assert not any(path.startswith("tasks.qa.") for path in paths), "another task's"


@pytest.mark.parametrize("arguments", [["--soup.method.help", "MORL"], ["--model.kl.help"], ["--soup.grid", "3"]])
def test_other_help_stays_as_it_is(arguments: list[str]) -> None:
    assert help_on_classes(recipe_parser(PointFineTuner), arguments, None) is None


def test_help_names_classes_as_recipes_do() -> None:
    said = " ".join(recipe_parser(PointFineTuner).format_help().split())
    assert re.search(r"known classes: [^)]*\bPPO, [^)]*\bSCST\b", said)
    assert "known subclasses" not in said and "rsoup_lightning.algorithms.PPO" not in said


def test_line_breaks_in_defaults_are_shown_as_recipes_write_them() -> None:
    parser = ArgumentParser(formatter_class=ClassFormatter)
    parser.add_argument("--template", type=str, default="Question:\n{prompt}", help="what is read")
    assert "what is read (type: str, default: Question:\\n{prompt})" in " ".join(parser.format_help().split())
