"""Captions: emoji and their names, or photographs of COCO; rewarded by the metrics of captions."""

from rsoup_lightning.registry import Task

TASK = Task(
    name="captioning",
    summary="say what a picture shows, as each metric of captions wants it: BLEU, ROUGE-L, METEOR, CIDEr",
    fine_tuner="rsoup_lightning.modalities.vision_language:VisionLanguageFineTuner",
    rewards={
        "bleu1": "rsoup_lightning.modalities.vision_language.rewards:Bleu",
        "bleu4": ("rsoup_lightning.modalities.vision_language.rewards:Bleu", {"order": 4}),
        "rouge": "rsoup_lightning.modalities.vision_language.rewards:RougeL",
        "meteor": "rsoup_lightning.modalities.vision_language.rewards:Meteor",
        "cider": "rsoup_lightning.modalities.vision_language.rewards:CiderD",
        "name": ("rsoup_lightning.modalities.vision_language.rewards:Meteor", {"style": "name"}),
        "look": ("rsoup_lightning.modalities.vision_language.rewards:Meteor", {"style": "look"}),
    },
    recipe="captioning/emoji",
    install="pip install 'rsoup_lightning[vision,data]'",
)
