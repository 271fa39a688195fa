from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.families import family_class
from tests.modalities.diffusion.families import pipeline


@pytest.mark.parametrize("kind", ["StableDiffusionPipeline", "StableDiffusion3Pipeline"])
def test_sizes_that_latents_cannot_have(kind: str) -> None:
    family = family_class(kind)(pipeline(kind))
    assert family.latent_shape(24) == (4, 12, 12)
    with pytest.raises(ConfigError, match="image_size is 25: it must be a multiple of"):
        family.latent_shape(25)
