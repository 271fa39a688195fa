"""Find in a picture what a phrase names: scenes of emoji, or photographs of RefCOCO+; rewarded by where boxes are."""

from rsoup_lightning.registry import Task

REWARDS = "rsoup_lightning.modalities.vision_language.rewards"

TASK = Task(
    name="grounding",
    summary="draw the box of what a phrase names: tight around it, or with room on all sides",
    fine_tuner="rsoup_lightning.modalities.vision_language:VisionLanguageFineTuner",
    rewards={
        "tight": (f"{REWARDS}:IdealRoom", {"room": 0.1}),
        "roomy": (f"{REWARDS}:IdealRoom", {"room": 0.5}),
        "found": (f"{REWARDS}:BoxHit", {"threshold": 0.2}),
    },
    recipe="grounding/scenes",
    install="pip install 'rsoup_lightning[vision,data]'",
)
