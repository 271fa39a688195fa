"""Are experts of one kind? Weights that compute alike, tokenizers that split texts alike, one number for each token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.disk.stored_expert import StoredExpert, beside_adapter, content_of, may_be_tied
from rsoup_lightning.merging.kinds.configurations import check_configurations
from rsoup_lightning.merging.kinds.token_rows import match_rows
from rsoup_lightning.merging.kinds.vocabulary import (
    Others,
    Vocabulary,
    check_splits,
    difference,
    read_vocabulary,
    tokenizer_files,
)


def of_one_kind(experts: Mapping[str, StoredExpert]) -> dict[str, StoredExpert]:
    """``experts`` as they can be merged name by name and row by row.

    Where models of transformers have a tokenizer beside them, and it numbers tokens differently or has more of them
    than the first one's, their rows are matched by token.

    Args:
        experts: by what to call them.

    Raises:
        MergeError: configurations or tokenizers that differ in what weights compute, or tokens that cannot be matched.
        WeightsError: a damaged tokenizer.
    """
    resized = _resized(experts)
    known = _vocabularies(_beside(experts, ""), even_if_same=resized)
    check_configurations(experts, {label: vocabulary.tokens for label, vocabulary in known.items()})
    for folder in sorted({name.rpartition("/")[0] for expert in experts.values() for name in expert.others} - {""}):
        if found := _first_difference(_vocabularies(_beside(experts, folder))):
            raise MergeError(f"{found} in {folder}: rows are matched by token only for a tokenizer beside its model")
    found = _first_difference(known)
    unknown = [label for label in experts if label not in known or known[label].room is None]
    if found and unknown:
        raise MergeError(f"{found}, and those of {unknown[0]} are not known: save its tokenizer.json beside the model")
    return match_rows(experts, known) if found or (resized and not unknown) else dict(experts)


def check_adapter_tokens(folders: Sequence[Path], base: StoredExpert | None = None) -> None:
    """Require the tokenizers that lie beside adapters, as trainers save them, to have the same tokens.

    Args:
        folders: of the adapters.
        base: the model they are folded into; it may lack tokens of theirs.

    Raises:
        MergeError: names a token and its numbers, or what else differs.
        WeightsError: a damaged tokenizer.
    """
    files = {str(place): tokenizer_files(beside_adapter(place)) for place in folders}
    found = _first_difference(_vocabularies(files))
    if found is None and base is not None:
        of_base = {str(base.path): tokenizer_files(base.others)}
        found = _first_difference(_vocabularies(of_base | files), partly=True)
    if found:
        raise MergeError(f"{found}: rows of adapters are not matched by token, so give all the same tokenizer")


def _vocabularies(beside: Mapping[str, Others], *, even_if_same: bool = False) -> dict[str, Vocabulary]:
    """What the files of tokenizers say, of those who have them, if these split texts alike.

    Args:
        beside: files of a tokenizer, by what to call who has them.
        even_if_same: read them also where all have the same ones; else there is nothing to tell, and nothing is told.
    """
    present = {label: files for label, files in beside.items() if files}
    contents = [{name: content_of(file) for name, file in files.items()} for files in present.values()]
    if not even_if_same and all(content == contents[0] for content in contents):
        return {}
    found = {label: read_vocabulary(files, label) for label, files in present.items()}
    known = {label: vocabulary for label, vocabulary in found.items() if vocabulary is not None}
    for label in list(known)[1:]:
        first = next(iter(known))
        check_splits(known[first], known[label], f"{first} and {label}")
    return known


def _first_difference(vocabularies: Mapping[str, Vocabulary], *, partly: bool = False) -> str | None:
    """What tokens the first vocabulary and another have not in common, in words; see :func:`vocabulary.difference`."""
    for label in list(vocabularies)[1:]:
        first = next(iter(vocabularies))
        if found := difference(vocabularies[first], vocabularies[label], partly=partly):
            return f"{first} and {label} do not have the same tokens, {found}"
    return None


def _resized(experts: Mapping[str, StoredExpert]) -> bool:
    """Whether embeddings have more rows in one of the experts."""
    first, *others = (expert.tensors for expert in experts.values())
    named = [name for name in first if may_be_tied(name)]
    return any(name in other and other[name].shape != first[name].shape for other in others for name in named)


def _beside(experts: Mapping[str, StoredExpert], folder: str) -> dict[str, Others]:
    """Each expert's files of a tokenizer in one of its folders."""
    return {label: tokenizer_files(expert.others, folder) for label, expert in experts.items()}
