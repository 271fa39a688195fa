"""Questions on pictures: scenes of emoji, or photographs of VQA v2; rewarded by agreement with people's answers."""

from rsoup_lightning.registry import Task

ACCURACY = "rsoup_lightning.modalities.vision_language.rewards:Accuracy"

TASK = Task(
    name="vqa",
    summary="answer questions on a picture: boldly, or where sure alone; or as a metric of captions wants it",
    fine_tuner="rsoup_lightning.modalities.vision_language:VisionLanguageFineTuner",
    rewards={
        "bleu1": "rsoup_lightning.modalities.vision_language.rewards:Bleu",
        "rouge": "rsoup_lightning.modalities.vision_language.rewards:RougeL",
        "meteor": "rsoup_lightning.modalities.vision_language.rewards:Meteor",
        "bold": (ACCURACY, {"style": "answer"}),
        "careful": (ACCURACY, {"style": "answer", "wrong": -2.0, "nothing": "not sure"}),
    },
    recipe="vqa/scenes",
    install="pip install 'rsoup_lightning[vision,data]'",
)
