"""Find in a picture what a phrase names: scenes of emoji, or photographs of RefCOCO+; rewarded by overlap of boxes."""

from rsoup_lightning.registry import Task

BOX_HIT = "rsoup_lightning.modalities.vision_language.rewards:BoxHit"

TASK = Task(
    name="grounding",
    summary="draw the box of what a phrase names: one reward each for small, medium and large things",
    fine_tuner="rsoup_lightning.modalities.vision_language:VisionLanguageFineTuner",
    rewards={
        "small": (BOX_HIT, {"size": "small"}),
        "medium": (BOX_HIT, {"size": "medium"}),
        "large": (BOX_HIT, {"size": "large"}),
        "any": BOX_HIT,
    },
    recipe="grounding/scenes",
    install="pip install 'rsoup_lightning[vision,data]'",
)
