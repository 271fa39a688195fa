"""``rsoup explore`` with answers that take as long as those of a model of size, each piece of which is written down.

COUNTED=FILE python -m tests.explorer.counted explore runs/letters
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from rsoup_lightning.__main__ import console
from rsoup_lightning.explorer.choosing.mixing import Mix, in_words
from rsoup_lightning.explorer.kinds.text import TextShowing
from rsoup_lightning.modalities.language.pieces import TextPiece

PIECE = 0.08  # seconds

FILE = "COUNTED"
"""The variable that names the file: a line for each piece, λ of whose answer it is, and one for each whole answer."""


def main() -> None:
    played = TextShowing.play

    def play(self: TextShowing, mix: Mix) -> Iterator[TextPiece]:
        for piece in played(self, mix):
            _note(f"piece of {in_words(mix)}")
            time.sleep(PIECE)
            yield piece
        _note(f"whole {in_words(mix)}")

    TextShowing.play = play  # type: ignore[method-assign]
    console()


def _note(line: str) -> None:
    with Path(os.environ[FILE]).open("a", encoding="utf-8") as notes:
        notes.write(f"{line}\n")


if __name__ == "__main__":
    main()
