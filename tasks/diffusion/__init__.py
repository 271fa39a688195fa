"""Pictures drawn for a prompt: emoji by their names, or whatever Stable Diffusion draws; rewarded by how they look."""

from rsoup_lightning.registry import Task

TASK = Task(
    name="diffusion",
    summary="draw a picture for a prompt, as a style, a colour or an aesthetic score wants it",
    fine_tuner="rsoup_lightning.modalities.diffusion:DiffusionFineTuner",
    rewards={
        "google_style": "tasks.diffusion.rewards:GoogleStyle",
        "twitter_style": "tasks.diffusion.rewards:TwitterStyle",
        "colourfulness": "rsoup_lightning.modalities.diffusion.rewards:Colourfulness",
        "warmth": "rsoup_lightning.modalities.diffusion.rewards:Warmth",
        "brightness": "rsoup_lightning.modalities.diffusion.rewards:Brightness",
        "compressibility": "rsoup_lightning.modalities.diffusion.rewards:Compressibility",
        "incompressibility": "rsoup_lightning.modalities.diffusion.rewards:Incompressibility",
        "recognition": "tasks.diffusion.rewards:EmojiRecognition",
        "realism": "tasks.diffusion.rewards:EmojiRealism",
        "pixel_variance": "rsoup_lightning.modalities.diffusion.rewards:PixelVariance",
    },
    recipe="diffusion/emoji",
    install="pip install 'rsoup_lightning[diffusion,data]'",
)
