"""How rewards become gradients: which advantages, which loss, how often a rollout is reused."""

from rsoup_lightning.algorithms.algorithm import Algorithm
from rsoup_lightning.algorithms.clipped import GRPO, PPO
from rsoup_lightning.algorithms.reward_weighted import RewardWeightedRegression
from rsoup_lightning.algorithms.score_function import REINFORCE, RLOO, SCST

__all__ = ["GRPO", "PPO", "REINFORCE", "RLOO", "SCST", "Algorithm", "RewardWeightedRegression"]
