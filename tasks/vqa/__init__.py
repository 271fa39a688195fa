"""Questions on pictures: scenes of emoji, or photographs of VQA v2; rewarded by agreement with people's answers."""

from rsoup_lightning.registry import Task

TASK = Task(
    name="vqa",
    summary="answer questions on a picture: in the references' words, or in words of the same stem and order",
    fine_tuner="rsoup_lightning.modalities.vision_language:VisionLanguageFineTuner",
    rewards={
        "bleu1": "rsoup_lightning.modalities.vision_language.rewards:Bleu",
        "rouge": "rsoup_lightning.modalities.vision_language.rewards:RougeL",
        "meteor": "rsoup_lightning.modalities.vision_language.rewards:Meteor",
    },
    recipe="vqa/scenes",
    install="pip install 'rsoup_lightning[vision,data]'",
)
