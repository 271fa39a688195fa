"""``Conditioned``: the experts of all rewards trained together, as the family of their soups."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from rsoup_lightning.conditioned import conditioned, expert_of
from rsoup_lightning.conditioning import Conditioning
from rsoup_lightning.methods.method import Derived, Made, Stage
from rsoup_lightning.methods.rewarded_soup import RewardedSoup
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.policy import Weights

TOGETHER = "together"


class Conditioned(RewardedSoup):
    """One training of all experts, which costs what theirs cost apart; λ = μ.

    It maximises E_λ E_{θ_λ}[Σ λ_i r_i] with θ_λ = Σ λ_i θ_i over all θ_i at once, λ being drawn anew for each group of
    a rollout's rows: the soups are what is trained, and need not be good by luck (Dimitriadis et al. 2023, "Pareto
    manifold learning"; Wang et al. 2024, "Conditional language policy").

    Args:
        points: how many λ are drawn for each training rollout; as many groups of its prompts or simulators, of one
            size, play one each. Null: as many as share them out, up to 8; whole weights of models that play one λ at a
            time take 1.
        concentration: of the symmetric Dirichlet distribution they are drawn from: 1 is uniform on the simplex, less
            prefers its corners.
        advantages: of the μ-weighted sum of rewards ("sum"), or of each reward, then μ-weighted ("each"), which
            differs where the algorithm standardises them and needs one without a critic.
    """

    def __init__(
        self, points: int | None = None, concentration: float = 1.0, advantages: Literal["sum", "each"] = "sum"
    ) -> None:
        super().__init__()
        self.conditioning = partial(Conditioning, points=points, concentration=concentration, advantages=advantages)
        self.conditioning(())  # says what is wrong with it

    def check(self, module: RewardFineTuner, rewards: Sequence[str]) -> None:
        super().check(module, rewards)
        with conditioned(module, self.conditioning(tuple(rewards))):
            pass  # it can

    def stages(self, rewards: Sequence[str], epochs: int) -> list[Stage | Derived]:
        uniform = dict.fromkeys(rewards, 1 / len(rewards))
        together = Stage(TOGETHER, uniform, epochs * len(rewards), conditioning=self.conditioning(tuple(rewards)))
        return [
            together,
            *(
                Derived(f"experts/{name}", (TOGETHER,), partial(_own, number=number))
                for number, name in enumerate(rewards)
            ),
        ]


def _own(sources: Sequence[Weights], number: int) -> Made:
    return Made(expert_of(sources[0], number))
