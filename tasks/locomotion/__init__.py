"""Locomotion: simulated bodies that run, fast (risky) or with little effort (cautious)."""

from rsoup_lightning.registry import Task

TASK = Task(
    name="locomotion",
    summary="MuJoCo bodies that run: fast or with little effort; any environment of (MO-)Gymnasium, or yours",
    fine_tuner="tasks.locomotion.module:LocomotionFineTuner",
    rewards={
        "risky": ("tasks.locomotion.rewards:VelocityLessEffort", {"effort": 0.0}),
        "cautious": ("tasks.locomotion.rewards:VelocityLessEffort", {"effort": 1.0}),
        "default": "rsoup_lightning.modalities.control.rewards:Native",
        "upright": "tasks.locomotion.rewards:Upright",
    },
    environments={
        "HalfCheetah-v5": "two legs in a plane; may run on its back",
        "Walker2d-v5": "a pair of legs in a plane; may fall",
        "Humanoid-v5": "the paper's body: 17 joints in space; may fall",
        "mo-hopper-v5": "one leg; rewards forward, height, control (extra mo)",
        "deep-sea-treasure-v0": "a submarine that chooses its way; rewards treasure, time (extra mo)",
    },
    recipe="locomotion/quickstart",
)
