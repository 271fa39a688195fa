"""Captions with realistic overlap, drawn with a seed."""

from __future__ import annotations

import random

_LISTS = {
    "who": "man woman child dog cat horse bird girl boy player surfer group couple",
    "does": "rides riding sits sitting runs running jumps jumping holds holding eats eating watches walking",
    "what": "wave bench bike ball sandwich pizza kite umbrella frisbee surfboard skateboard laptop",
    "where": "beach street field park kitchen room table mountain station water grass",
    "how": "small large red black white young old brown wooden happy",
}
WORDS = {kind: words.split() for kind, words in _LISTS.items()}


def sentence(rng: random.Random) -> list[str]:
    """About ten words, several of them twice."""
    one = {kind: rng.choice(words) for kind, words in WORDS.items()}
    other = {kind: rng.choice(words) for kind, words in WORDS.items()}
    first = ["a", one["how"], one["who"], one["does"], "a", one["what"]]
    second = ["on", "the", one["where"], "with", "a", other["how"], other["what"]]
    return (first + second)[: rng.randint(5, 13)]


def varied(rng: random.Random, words: list[str]) -> str:
    """Some words changed, left out or said twice."""
    changed = []
    for word in words:
        draw = rng.random()
        if draw < 0.15:
            changed.append(rng.choice(WORDS[rng.choice(list(WORDS))]))
        elif draw < 0.9:
            changed += [word] * (2 if draw < 0.2 else 1)
    return " ".join(changed or words)


def pairs(count: int) -> tuple[list[str], list[list[str]]]:
    """Candidates, and two to five references of each; the first are edge cases."""
    rng = random.Random(0)
    references: list[list[str]] = [
        ["a dog", "the dog runs"],
        ["a dog", "the dog runs on the grass"],
        ["dog", "a dog"],
        ["a a a a a", "a dog"],
        ["a cat sits", "a cat"],
        ["", "a cat sits on a bench"],
    ]
    candidates = ["", "dog", "dog", "a a a a a a a a", "zebra xylophone quartz marble lamp", "a cat sits on a bench"]
    while len(candidates) < count:
        words = sentence(rng)
        references.append([varied(rng, words) for _ in range(rng.randint(2, 5))])
        candidates.append(varied(rng, words if rng.random() < 0.8 else sentence(rng)))
    return candidates, references
