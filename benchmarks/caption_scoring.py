"""How many captions per second get their rewards? Against pycocoevalcap (extra ``bench``).

BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D of every caption, as a training of four epochs asks for them that samples five
captions per image: 5,000 captions of 250 images with 5 references each, of about ten words drawn by Zipf's law; strings
of words in, scores out. All work counts on both sides, from splitting strings into words on. We prepare an image's
references, and the document frequencies, once, and keep them over the epochs. pycocoevalcap has no such door: it takes
one caption per image and call, so that there are twenty calls, and each starts from the references. The closing line
has two more ratios: of the first epoch alone, preparation included, and with everything prepared. All scores are
compared before anything is timed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import accumulate

import numpy as np
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from timing import Rounds, in_turns, report

from rsoup_lightning.captions import Caption, DocumentFrequencies, References, bleu, cider_d, rouge_l

IMAGES, REFERENCES, COMPLETIONS, EPOCHS, VOCABULARY, ROUNDS = 250, 5, 5, 4, 5000, 5


def make(seed: int = 0) -> tuple[list[list[str]], list[list[str]]]:
    """Of each image, the references and the sampled captions: all are one caption, a third of its words changed."""
    rng = random.Random(seed)
    words = [f"word{index}" for index in range(VOCABULARY)]
    weights = list(accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))

    def draw(count: int) -> list[str]:
        return rng.choices(words, cum_weights=weights, k=count)

    def change(caption: list[str]) -> str:
        changed = [draw(1)[0] if rng.random() < 1 / 3 else word for word in caption]
        return " ".join(changed[: rng.randint(8, 12)])

    captions = [draw(12) for _ in range(IMAGES)]
    references = [[change(caption) for _ in range(REFERENCES)] for caption in captions]
    return references, [[change(caption) for _ in range(EPOCHS * COMPLETIONS)] for caption in captions]


def prepare_all(references: list[list[str]]) -> tuple[list[References], DocumentFrequencies]:
    """What a training makes once of its data."""
    known = [References([Caption(text.split()) for text in texts]) for texts in references]
    return known, DocumentFrequencies.of(known)


def score(known: list[References], frequencies: DocumentFrequencies, completions: list[list[str]]) -> np.ndarray:
    """``[images · completions, 6]`` BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D, image by image."""
    rows = []
    for references, texts in zip(known, completions, strict=True):
        for text in texts:
            caption = Caption(text.split())
            rows.append(
                [*bleu(caption, references), rouge_l(caption, references), cider_d(caption, references, frequencies)]
            )
    return np.array(rows)


def peer_score(references: list[list[str]], completions: list[list[str]]) -> np.ndarray:
    """The same of pycocoevalcap."""
    known = dict(enumerate(references))
    calls = []
    for texts in zip(*completions, strict=True):
        candidates = {image: [text] for image, text in enumerate(texts)}
        bleus = Bleu(4).compute_score(known, candidates, verbose=0)[1]
        others = [metric.compute_score(known, candidates)[1] for metric in (Rouge(), Cider())]
        calls.append(np.stack([*bleus, *others], axis=1))
    return np.stack(calls, axis=1).reshape(-1, 6)


def rate(function: Callable[[], np.ndarray]) -> float:
    """Captions per second."""
    start = time.perf_counter()
    rows = function()
    return len(rows) / (time.perf_counter() - start)


def main() -> None:
    rounds = Rounds.asked(ROUNDS).share(1 / 3)
    references, completions = make()
    first = [texts[:COMPLETIONS] for texts in completions]
    known, frequencies = prepare_all(references)
    worst = np.abs(score(known, frequencies, completions) - peer_score(references, completions)).max()
    print(
        f"{IMAGES * len(completions[0])} captions, {REFERENCES} references each; scores differ by at most {worst:.1e}"
    )
    assert worst < 1e-6

    def against_peer(name: str, ours: Callable[[], np.ndarray], texts: list[list[str]]) -> dict[str, float]:
        print(f"captions per second, {name}:")
        return in_turns(lambda: rate(ours), lambda: rate(lambda: peer_score(references, texts)), rounds)

    result = against_peer("preparation included", lambda: score(*prepare_all(references), completions), completions)
    early = against_peer("the first epoch alone", lambda: score(*prepare_all(references), first), first)
    late = against_peer("all prepared", lambda: score(known, frequencies, completions), completions)
    report("caption_scoring", "captions/s", result, first_epoch_ratio=early["ratio"], prepared_ratio=late["ratio"])


if __name__ == "__main__":
    main()
