"""``rsoup push``: its options, and what it prints."""

from __future__ import annotations

from jsonargparse import ArgumentParser

from rsoup_lightning.run.finished.push import push
from rsoup_lightning.run.recipes.parsing import parse

DESCRIPTION = """Publishes a run, or what rsoup pick wrote, as a model on the hub of Hugging Face: the weights of its
experts, its front, and a card with the front as a picture, λ, rewards, training data and cost, and the licence of the
base where it is known. Log in before with: hf auth login. What is published is played by its name there:
rsoup_lightning.load("ORGANISATION/NAME")."""


def push_command(arguments: list[str]) -> int:
    """``rsoup push``."""
    options = parse(_parser(), arguments)
    where = push(**options.as_dict())
    print(f"wrote {where}" if options.output else f"published {where}")
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="rsoup push", description=DESCRIPTION, exit_on_error=False)
    parser.add_argument("run", type=str, help="folder of a finished run of rsoup soup, or one that rsoup pick wrote")
    parser.add_argument("repo", type=str, help="its name on the hub: ORGANISATION/NAME")
    parser.add_argument("--output", type=str | None, default=None, help="write this folder, and upload nothing")
    parser.add_argument("--private", action="store_true", help="create the repository as a private one")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    return parser
