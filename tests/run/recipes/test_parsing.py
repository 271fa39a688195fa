from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.loggers import Logger

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.run.recipes.parsing import check_mappings, check_seed, ours, parse, read_recipe


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "a", 3),
        ("model:\n  rewards:\n    - x: {lr: 1,\n         lr: 2}\n", "lr", 4),
        ("1: x\n'1': y\n", "1", 2),
        ("base: &b {a: 1}\nother: {<<: *b, c: 1, c: 2}", "c", 2),
    ],
)
def test_a_key_given_twice_is_named(text: str, key: str, line: int) -> None:
    with pytest.raises(ConfigError, match=f"here gives '{key}' twice, again in line {line}"):
        check_mappings(text, "here")


@pytest.mark.parametrize("text", ["{risky:1, cautious: 2}", "a: {risky:1}", "- {risky:1}"])
def test_a_colon_without_a_space_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="here has 'risky:1': put a space after the colon, risky: 1"):
        check_mappings(text, "here")


@pytest.mark.parametrize("value", ["{risky:1}", "{risky:[1,0]}"])
@pytest.mark.parametrize("form", ["--weights={}", "--weights {}"])
def test_a_colon_without_a_space_in_an_option(value: str, form: str) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--weights", type=dict[str, float])
    with pytest.raises(ConfigError, match=r"--weights .* put a space after"):
        parse(parser, form.format(value).split(" "))


def test_what_yaml_allows_is_allowed() -> None:
    """Anchors, merged mappings whose keys are written over, equal keys in other places, and an alias to oneself."""
    check_mappings("a: &x {k: 1}\nb: {<<: *x, k: 2}\nc: [*x, *x]\n", "here")
    check_mappings("a: &x {k: *x}\n", "here")
    check_mappings("", "here")
    check_mappings("{'a:1': , a:b: 1, c: , https://x.org: 'y'}", "here")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "cannot read the recipe"),
        (b"a: [1\nb: 2", "line 2, column 2: while parsing a flow sequence"),
        (b"a: 1\n\tb: 2", "line 2, column 1: "),
        (b"a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        (b"a: 1\n---\nb: 2", "expected a single document"),
        (b"- a", "not a YAML mapping"),
        (b"model:", "model of the recipe .* is empty: fill or remove it"),
        (b"trainer: [1]", r"trainer of the recipe .* is \[1\], not a mapping"),
    ],
)
def test_a_recipe_that_cannot_be_read(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_recipe(tmp_path / "recipe.yaml")
    assert "\n" not in str(caught.value)


def test_damaged_recipes_are_read_or_refused(tmp_path: Path) -> None:
    """Flipped bytes: what comes is a mapping as PyYAML reads it, or an error of ours."""
    whole = b"task: x\nmodel: {kl: &k {coefficient: 0.1}, other: *k}\ntrainer: {max_epochs: 3}\nsoup:\n  grid: 3\n"
    chance, file = random.Random(0), tmp_path / "recipe.yaml"
    read = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        file.write_bytes(damaged)
        try:
            recipe = read_recipe(file)
        except ConfigError:
            continue
        read += 1
        assert recipe == yaml.safe_load(damaged.decode())
    assert 0 < read < 300


def test_numbers_are_read_as_on_a_command_line(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("task: x\nmodel: {untyped: [1e-3, 1.5e3, 2024-01-31]}\n")
    assert read_recipe(tmp_path / "r.yaml")["model"]["untyped"] == [0.001, 1500.0, "2024-01-31"]


@pytest.mark.parametrize("seed", [None, True, False, -1, 2**32, 1.0, "1"])
def test_what_is_no_seed(seed: object) -> None:
    with pytest.raises(ConfigError, match="give a whole number"):
        check_seed(seed)


def test_seeds() -> None:
    assert [check_seed(seed) for seed in (0, 2**32 - 1)] == [0, 2**32 - 1]


def test_our_own_error_is_found_below_others() -> None:
    with pytest.raises(RewardError, match="mine"), ours():
        try:
            raise RewardError("mine")
        except RewardError as error:
            raise ValueError("much about types") from error
    with pytest.raises(ZeroDivisionError), ours():
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("CSVLogger", "CSVLogger needs save_dir: give it under its init_args, or as --logger.save_dir"),
        ("[{class_path: TensorBoardLogger}]", "TensorBoardLogger needs save_dir: give it under its init_args, or as"),
    ],
)
def test_a_class_that_was_named_is_what_an_error_is_about(value: str, message: str) -> None:
    """And not all the other kinds of values that could have stood there."""
    parser = LightningArgumentParser(exit_on_error=False)
    parser.add_argument("--logger", type=Logger | Iterable[Logger] | bool | None)
    with pytest.raises(ConfigError, match=rf"^logger: [\w.]*{message}") as caught:
        parse(parser, ["--logger", value])
    assert "xpected" not in str(caught.value) and "subclass" not in str(caught.value)


def test_a_missing_gpu_is_said_by_the_setting_that_wants_it() -> None:
    with pytest.raises(ConfigError, match=r"^trainer\.accelerator: there is no GPU here: give cpu, or auto$"), ours():
        raise ValueError("No supported gpu backend found!")
