"""Configurations compared: they say what weights compute, where names and shapes of tensors do not tell.

Every setting is compared, but for those that are known to change nothing. A setting that only one of two files has is
compared with the default of its class in transformers or diffusers, which also knows what older versions called it;
where there is no such class, the two differ.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.disk.stored_expert import PIPELINE_INDEX, StoredExpert
from rsoup_lightning.optional import need

COMPARED = ("config.json", "scheduler_config.json", "preprocessor_config.json", PIPELINE_INDEX, "modules.json")

IGNORED = {
    "where it lies and what wrote it": r"_?name_or_path|_commit_hash|transformers_version|_diffusers_version|"
    r"_use_default_values|processor_class|image_processor_type|feature_extractor_type",
    "how it is stored, which tensors and tokenizers say": r"dtype|torch_dtype|vocab_size",
    "how the same is computed": r"use_cache|_?attn_implementation.*|torchscript|pretraining_tp|"
    r"chunk_size_feed_forward|_?gradient_checkpointing",
    "what else is returned": r"return_dict(_in_generate)?|output_(attentions|hidden_states|scores|router_logits)",
    "of training alone": r"(?!.*token_dropout).*(dropout.*|_pdrop|_drop|layerdrop)|drop_path_rate|"
    r"initializer_(range|factor)|init_std|problem_type|router_aux_loss_coef",
    "how texts are generated": r"do_sample|early_stopping|(max|min)_(new_tokens|length)|num_(beams|beam_groups)|"
    r"num_return_sequences|temperature|top_[kp]|typical_p|(repetition|length|diversity)_penalty|prefix|"
    r"exponential_decay_length_penalty|(encoder_)?no_repeat_ngram_size|bad_words_ids|(begin_)?suppress_tokens|"
    r"remove_invalid_values|task_specific_params",
}
"""What does not change what the weights compute: the reason, and the names as a regular expression."""

GENERATORS = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")
"""How names of classes end for which first, last and padding tokens are of generation; others pool where these are."""

_ENDS = r"(forced_)?(bos|eos)_token_id|pad_token_id"
_TOKEN = re.compile(r".*_token_(id|ids|index)")
SHOWN = 8  # differences that an error lists


class _Absent:
    def __repr__(self) -> str:
        return "not set"


_ABSENT = _Absent()

Tokens = Mapping[int, str]
"""What each number of a token stands for."""


def check_configurations(experts: Mapping[str, StoredExpert], tokens: Mapping[str, Tokens]) -> None:
    """Require configurations under which the weights of all experts compute the same.

    Args:
        experts: by what to call them.
        tokens: those of the experts with a tokenizer: what a setting names by number is compared by token.

    Raises:
        MergeError: lists the settings that differ, with both values.
    """
    (first_label, first), *rest = experts.items()
    for label, other in rest:
        known = [tokens.get(first_label, {}), tokens.get(label, {})]
        for file in sorted(first.others.keys() & other.others.keys()):
            if file.rpartition("/")[2] not in COMPARED:
                continue
            one, two = json.loads(first.other(file)), json.loads(other.other(file))
            found = _differences(one, two, known) and _differences(*_completed(one, two), known)
            if found:
                listed = [f"{key} is {_short(left)} and {_short(right)}" for key, left, right in found[:SHOWN]]
                listed += [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
                raise MergeError(
                    f"{first_label} and {label} are not of one kind by their {file}: {', '.join(listed)} (where you "
                    "know that this changes nothing, make the files agree)"
                )


def _differences(one: Any, two: Any, known: list[Tokens]) -> list[tuple[str, Any, Any]]:
    """Each setting that matters and differs, by its dotted name, with both values."""
    return list(_walk(one, two, "", _ignored(one, two), known if all(known) else [{}, {}]))


def _walk(
    one: Any, two: Any, name: str, ignored: re.Pattern[str], known: list[Tokens]
) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(two, dict):
        for key in sorted(key for key in {*one, *two} if not ignored.fullmatch(key)):
            left, right = one.get(key, _ABSENT), two.get(key, _ABSENT)
            if _TOKEN.fullmatch(key):
                left, right = _named(left, known[0]), _named(right, known[1])
            yield from _walk(left, right, f"{name}.{key}" if name else key, ignored, known)
    elif one != two:
        yield name or "the content", one, two


def _ignored(one: Any, two: Any) -> re.Pattern[str]:
    """The names of settings that are not compared between these two configurations, wherever they are in them."""
    classes = [config.get("architectures") if isinstance(config, dict) else None for config in (one, two)]
    names = [*IGNORED.values()]
    if None in classes:  # one of them was written without its weights
        names.append("architectures")
    if all(isinstance(found, list) and found and str(found[0]).endswith(GENERATORS) for found in classes):
        names.append(_ENDS)
    return re.compile("|".join(names))


def _named(value: Any, tokens: Tokens) -> Any:
    """A token's number, or a list of them, as the tokens they stand for."""
    if isinstance(value, list):
        return [_named(item, tokens) for item in value]
    return tokens.get(value, value) if isinstance(value, int) else value


def _completed(one: Any, two: Any) -> tuple[Any, Any]:
    """Two configurations with the defaults of their classes; as they are if one of them has no class here."""
    try:
        one_json, two_json = (json.dumps(_with_defaults(described), default=str) for described in (one, two))
        return json.loads(one_json), json.loads(two_json)
    except Exception:  # a foreign configuration fails in as many ways as there are classes
        return one, two


def _with_defaults(described: dict[str, Any]) -> dict[str, Any]:
    if "_class_name" in described:
        of_diffusers = getattr(need("diffusers", "diffusers", "diffusion"), described["_class_name"])
        parameters = inspect.signature(of_diffusers.__init__).parameters.values()
        return {item.name: item.default for item in parameters if item.default is not item.empty} | described
    if "auto_map" in described:
        raise ValueError("a class of its own")
    known = need("transformers", "transformers", "text").CONFIG_MAPPING[described["model_type"]]
    return dict(known.from_dict(described).to_dict())


def _short(value: Any) -> str:
    """A value as an error shows it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
