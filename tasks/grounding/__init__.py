"""Find in a picture what a phrase names: scenes of emoji, or photographs of RefCOCO+; rewarded by overlap of boxes."""

from rsoup_lightning.registry import Task

TASK = Task(
    name="grounding",
    summary="draw the box of what a phrase names: one reward each for small, medium and large things",
    fine_tuner="tasks.grounding.module:GroundingFineTuner",
    rewards={
        "small": "tasks.grounding.rewards:SmallHit",
        "medium": "tasks.grounding.rewards:MediumHit",
        "large": "tasks.grounding.rewards:LargeHit",
        "any": "rsoup_lightning.modalities.vision_language.rewards:BoxHit",
    },
    recipe="grounding/scenes",
    install="pip install 'rsoup_lightning[vision,data]'",
)
