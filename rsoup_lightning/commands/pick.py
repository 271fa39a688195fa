"""``rsoup pick``: its options, and what it prints."""

from __future__ import annotations

from jsonargparse import ArgumentParser

from rsoup_lightning.files import user_path
from rsoup_lightning.run.finished.pick import pick
from rsoup_lightning.run.recipes.parsing import parse

DESCRIPTION = """The policy for a preference, without training: finds the λ of highest utility on a run's front and
merges its experts there. Utility is the μ-weighted sum of the rewards, each scaled so that 0 is the worst expert's
score and 1 the best one's, as rewards have different units. Between evaluated λ a quadratic is fitted to the scores."""


def pick_command(arguments: list[str]) -> int:
    """``rsoup pick``."""
    options = parse(_parser(), arguments)
    print(pick(**options.as_dict()).reason)
    output = user_path(options.output)
    print(f"wrote {output}: {', '.join(sorted(entry.name for entry in output.iterdir()))}")
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="rsoup pick", description=DESCRIPTION, exit_on_error=False)
    parser.add_argument("run", type=str, help="run folder of rsoup soup, with front.json and experts/")
    mu = "μ: weights of rewards that sum to one, such as '{risky: 0.7, cautious: 0.3}'"
    parser.add_argument("--preference", type=dict[str, float] | None, default=None, help=mu)
    choices = """instead of μ, a JSON file to learn it from: [{"preferred": {"point": 3}, "other": {"point": 7}}, ...],
    each number a place (from 0) among the points of front.json"""
    parser.add_argument("--choices", type=str | None, default=None, help=choices)
    parser.add_argument("--output", type=str, required=True, help="new folder for the merged weights and pick.json")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier pick in --output")
    seed = "whose experts to merge, of a run with several seeds (default: the first); λ is that of their mean front"
    parser.add_argument("--seed", type=int | None, default=None, help=seed)
    return parser
