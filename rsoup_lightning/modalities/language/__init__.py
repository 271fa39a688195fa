"""Language models as policies: prompts in, completions out, rewarded as texts."""

from rsoup_lightning.modalities.language.environment import TextEnvironment
from rsoup_lightning.modalities.language.fine_tuner import LanguageFineTuner
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.language.vllm_sampler import VLLMSampler

__all__ = ["LanguageFineTuner", "LanguagePolicy", "TextEnvironment", "VLLMSampler"]
