"""Prompts that are the names or captions of pictures at hand."""

from __future__ import annotations

from rsoup_lightning.modalities.data import Entry, PictureData, PromptData, Split


class PicturePrompts(PromptData):
    """The first reference of each picture, once.

    Prompts of training are those of training pictures, so that a model that was pre-trained on these is evaluated on
    pictures it has not seen.

    Args:
        pictures: whose references.
    """

    def __init__(self, pictures: PictureData) -> None:
        self.pictures = pictures

    def entries(self, split: Split) -> tuple[Entry, ...]:
        prompts = dict.fromkeys(item.references[0] for item in self.pictures.items(split) if item.references)
        return tuple(Entry(prompt) for prompt in prompts)

    @property
    def source(self) -> PictureData:
        return self.pictures
