"""Are our tokens and scores of captions pycocoevalcap's in every script, and fast? Needs the extra ``bench``, and Java.

Texts of random words in each script of Unicode, by the names of its characters, composed and decomposed, between
punctuation, contractions, abbreviations, addresses, numbers, emoji and names of programming languages. Tokens must be
equal; so must BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D, which each side computes from its own tokens, the images of a
script being a corpus. Rates are of English captions that were not seen before, their words drawn by Zipf's law; the
original reads all of a round's at once, and its virtual machine starts within its time.
"""

from __future__ import annotations

import random
import re
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from caption_scoring import make, peer_score
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
from timing import Rounds, in_turns, report

from rsoup_lightning.captions import DocumentFrequencies, bleu, cider_d, prepare, read, rouge_l, tokenise

IMAGES, REFERENCES, ROUNDS = 40, 3, 5
LETTERS = str.maketrans("0123456789", "abcdefghij")
KINDS = {"L": 5, "M": 2, "N": 1, "P": 1, "S": 1}  # of characters, and how often they are drawn
BETWEEN = re.split(r"\s+", """
isn't can’t it's dogs' 'em o'clock rock'n'roll l'eau cannot gonna y'all '90s 1980's Mr. St. No. U.S. p.m. e.g. etc.
c++ c# .net g++ #tag @user a@b.com http://a.org/b?c=d, www.a.com file.txt 1/2 ½ 2⅓ 1,000.5 5:30 -3 +4 50% $5 €5 £5 ₹5
10°C x² H₂O 24/7 (555) 123-4567 e-mail black/white AT&T &amp; &lt; <unk> <b> </b> a_b a--b — – … ... . ?! !! : ; ,
( ) [ ] { } "quoted" “quoted” ‘quoted’ «quoted» ` 'quoted' :-) ^_^ The T. 1 2
❤\ufe0f 👩\u200d👧 🇩🇪 1\ufe0f\u20e3 \xad \u200b
""".strip())  # fmt: skip


def scripts() -> dict[str, dict[str, list[str]]]:
    """Of each script, by the first word of its characters' names, the characters of each kind."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for code in range(0x20000):
        kind = unicodedata.category(chr(code))[0]
        if kind in KINDS and (name := unicodedata.name(chr(code), "")):
            found[name.split()[0].split("-")[0]][kind].append(chr(code))
    return {name: kinds for name, kinds in found.items() if len(kinds["L"]) > 5 or sum(map(len, kinds.values())) > 20}


def draw_text(rng: random.Random, kinds: dict[str, list[str]]) -> list[str]:
    """Words, the first an English one, so that no text is without."""
    letters = [kind for kind in kinds if kinds[kind]]

    def word() -> str:
        if rng.random() < 0.4:
            return rng.choice(BETWEEN)
        drawn = rng.choices(letters, [KINDS[kind] for kind in letters], k=rng.randint(1, 6))
        return unicodedata.normalize(rng.choice(["NFC", "NFD"]), "".join(rng.choice(kinds[kind]) for kind in drawn))

    return ["a", *(word() for _ in range(rng.randint(1, 12)))]


def varied(rng: random.Random, words: list[str], others: list[str]) -> str:
    return " ".join([words[0], *(rng.choice(others) if rng.random() < 0.3 else word for word in words[1:])])


def original(texts: list[str]) -> list[str]:
    """Each text's tokens, joined by blanks."""
    tokens = PTBTokenizer().tokenize({index: [{"caption": text}] for index, text in enumerate(texts)})
    return [tokens[index][0] for index in range(len(texts))]


def compare() -> dict[str, float]:
    """Tokens and scores, script by script."""
    rng = random.Random(0)
    corpora: dict[str, list[list[str]]] = {}
    for name, kinds in scripts().items():
        images = [draw_text(rng, kinds) for _ in range(IMAGES)]
        others = [word for words in images for word in words]
        corpora[name] = [[varied(rng, words, others) for _ in range(1 + REFERENCES)] for words in images]
    texts = [text for images in corpora.values() for image in images for text in image]
    theirs = original(texts)
    differing = [(text, peer) for text, peer in zip(texts, theirs, strict=True) if " ".join(tokenise(text)) != peer]
    for text, peer in differing[:10]:
        print(f"  {text!r}\n    ours {tokenise(text)}\n    peer {peer.split(' ')}")
    tokens, worst = iter(theirs), np.zeros(6)
    for images in corpora.values():
        peers = [[next(tokens) for _ in image] for image in images]
        known = [prepare(references) for _, *references in images]
        frequencies = DocumentFrequencies.of(known)
        ours = []
        for (text, *_), references in zip(images, known, strict=True):
            caption = read(text)
            scores = [*bleu(caption, references), rouge_l(caption, references)]
            ours.append([*scores, cider_d(caption, references, frequencies)])
        score = peer_score([references for _, *references in peers], [[caption] for caption, *_ in peers])
        worst = np.maximum(worst, np.abs(np.array(ours) - score).max(axis=0))
    print(f"{len(texts)} texts in {len(corpora)} scripts: tokens of {len(differing)} differ")
    for metric, difference in zip(["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr-D"], worst, strict=True):
        print(f"  {metric:<8} differs by at most {difference:.1e}")
    assert not differing
    assert worst.max() < 1e-6
    return {"texts": len(texts), "scripts": len(corpora)}


def main() -> None:
    """Compare, measure and print."""
    rounds = Rounds.asked(ROUNDS).share(0.7)  # the comparison takes the rest
    compared = compare()
    seeds = iter(range(1000))

    def rate(read_all: Callable[[list[str]], object]) -> float:
        texts = [
            f"{text.translate(LETTERS).capitalize()}." for part in make(next(seeds)) for image in part for text in image
        ]
        start = time.perf_counter()
        read_all(texts)
        return len(texts) / (time.perf_counter() - start)

    print("captions per second:")
    result = in_turns(lambda: rate(lambda texts: list(map(tokenise, texts))), lambda: rate(original), rounds)
    report("caption_tokens", "captions/s", result, **compared)


if __name__ == "__main__":
    main()
