from __future__ import annotations

import pytest

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.run.recipes.hinting import options, unknown_key
from rsoup_lightning.run.recipes.parsing import ours, parse
from rsoup_lightning.run.recipes.recipe_parser import recipe_parser
from tests.conftest import PointFineTuner

REWARD = {"class_path": "rsoup_lightning.modalities.control.rewards.Info", "init_args": {"keys": "x"}}


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"soup": {"init_epoch": 3}}, "^unknown key of soup 'init_epoch': did you mean 'init_epochs'"),
        ({"model": {"max_grad": 3}}, "^unknown key of model 'max_grad': did you mean 'max_grad_norm'"),
        ({"traner": {"accelerator": "cpu"}}, "^unknown key 'traner': did you mean 'trainer'"),
        ({"traner": 3}, "^unknown key 'traner': did you mean 'trainer'"),
        ({"model": {"kl": {"coeficient": 1}}}, r"^model\.kl: .*KLPenalty: unknown key 'coeficient': did you mean 'coe"),
        (
            {"model": {"optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lrr": 1}}}},
            r"^model\.optimizer: .*unknown key 'lrr': did you mean 'lr'",
        ),
        (
            {"model": {"optimizer": "torch.optim.Adem"}},
            "unknown name in torch.optim 'Adem': did you mean 'Adam'",
        ),
        (
            {"model": {"optimizer": "heater.Adam"}},
            "No module named 'heater': if it is yours, run from the folder that holds it, or put that folder on PYTH",
        ),
    ],
)
def test_what_is_near_to_a_key_is_named(recipe: dict[str, object], message: str) -> None:
    with pytest.raises(RSoupError, match=message), ours():
        recipe_parser(PointFineTuner).parse_object(recipe)


PPO = {"class_path": "PPO", "init_args": {"epochs": 3}}
MISSPELT = r"unknown key '{}': did you mean '{}'\? Known: class_path, init_args$"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"algorithm": {"clas_path": "PPO", "init_args": {}}}, "^model.algorithm: " + MISSPELT),
        ({"algorithm": {"class_path": "PPO", "init_arg": {}}}, "^model.algorithm: " + MISSPELT),
        ({"optimizer": {"clas_path": "Adam", "init_args": {}}}, "^model.optimizer: " + MISSPELT),
        ({"guards": {"east": {"class_path": "rsoup_lightning.guards.Guard", "init_arg": {}}}}, MISSPELT),
        (
            {"algorithm": {"class_path": "PPO", "epochs": 3}},
            "beside class_path and init_args: write what the class takes",
        ),
        (
            {"algorithm": "PPOO"},
            r"^model.algorithm: unknown class 'PPOO': did you mean 'PPO'\? Known: .*\bPPO, ",
        ),
        ({"algorithm": {**PPO, "class_path": "PPOO"}}, r"^model.algorithm: unknown class 'PPOO': did you mean 'PPO'\?"),
        ({"optimizer": "Adem"}, r"^model.optimizer: unknown class 'Adem': did you mean 'Adam'\? Known: [^/]*\.\.\.$"),
        ({"algorithm": "Algorithm"}, "^model.algorithm: expected one of PPO, .*, got Algorithm$"),
        ({"algorithm": "torch.optim.Adam"}, "^model.algorithm: expected one of PPO, .*, got torch.optim.Adam$"),
        ({"algorithm": {"init_args": {"epochs": 3}}}, "^model.algorithm: it names no class: give a class_path$"),
    ],
)
def test_what_is_wrong_with_a_class_is_named(model: dict[str, object], message: str) -> None:
    wrong = ("clas_path", "class_path") if "clas_path" in str(model) else ("init_arg", "init_args")
    with pytest.raises(RSoupError, match=message.format(*wrong)), ours():
        recipe_parser(PointFineTuner).parse_object({"model": model})


def test_a_key_of_the_command_line_within_a_class_is_named() -> None:
    written = ["--model.algorithm", "PPO", "--model.algorithm.init_arg.epochs", "3"]
    with pytest.raises(RSoupError, match=MISSPELT.format("init_arg", "init_args")):
        parse(recipe_parser(PointFineTuner), written)


@pytest.mark.parametrize("written", ["--traner.max_epochs 3", "--traner.max_epochs=3"])
def test_what_is_near_to_an_option_is_named(written: str) -> None:
    with pytest.raises(
        RSoupError, match=r"^unknown option '--traner\.max_epochs': did you mean '--trainer\.max_epochs'"
    ):
        parse(recipe_parser(PointFineTuner), written.split())


def test_options_of_commands_are_known() -> None:
    parser, command = recipe_parser(None), recipe_parser(None)
    commands = parser.add_subcommands()
    command.add_argument("--steady")
    commands.add_subcommand("go", command)
    assert {"--steady", "--run_dir", "-c"} <= {*options(parser)}


def test_the_first_part_that_no_key_has_is_named() -> None:
    known = ["a.bee.c", "d"]
    assert str(unknown_key("a.be.c", known)) == "unknown key of a 'be': did you mean 'bee'? Known: bee"
    assert str(unknown_key("e.bee", known)) == "unknown key 'e'. Known: a, d"
