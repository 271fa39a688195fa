"""Data of pictures as recipes build it."""

from __future__ import annotations

from typing import Any

from jsonargparse import ArgumentParser

from rsoup_lightning.modalities.data import PictureData


def check_built(class_path: str, arguments: dict[str, Any]) -> None:
    """Build data from its class path and arguments, of which no file need exist."""
    parser = ArgumentParser()
    parser.add_subclass_arguments(PictureData, "data")
    given = {"class_path": class_path, "init_args": arguments}
    assert type(parser.instantiate(parser.parse_object({"data": given})).data).__name__ == class_path.split(".")[-1]
