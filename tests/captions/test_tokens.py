from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rsoup_lightning.captions import tokenise

# What Stanford's tokeniser 3.4.1 gives, with pycocoevalcap's list of punctuation and brackets taken out.
STANFORD = {
    "The dog's bone isn't here; it can't be!": "the dog 's bone is n't here it ca n't be",
    'A black-and-white cat (sleeping) on a "red" couch...': "a black-and-white cat sleeping on a red couch",
    "Two people -- one tall -- walk 3.5 miles, or 1,000 feet.": "two people one tall walk 3.5 miles or 1,000 feet",
    "Mr. Smith's U.S. flag, and/or an e-mail: 50% off": "mr. smith 's u.s. flag and/or an e-mail 50 % off",
    "I'm gonna say we're they'll you've I'd cannot": "i 'm gon na say we 're they 'll you 've i 'd can not",
    "the boys' room 'quoted' words": "the boys room quoted words",
    "café déjà vu at 5:30 p.m.": "café déjà vu at 5:30 p.m.",
    "Bosnia & Herzegovina, 1st place, # 1": "bosnia & herzegovina 1st place # 1",
    "smiling face with heart-eyes 😀": "smiling face with heart-eyes",
    "don’t, it’s “curly”": "do n't it 's curly",
}
BRACKETS = {"-lrb-", "-rrb-", "-lsb-", "-rsb-", "-lcb-", "-rcb-"}


@pytest.mark.parametrize(("text", "words"), STANFORD.items())
def test_words_are_stanfords(text: str, words: str) -> None:
    assert " ".join(tokenise(text)) == words


@pytest.mark.parametrize("text", ["", "  ", "?!", "“”", "...", "😀"])
def test_no_words(text: str) -> None:
    assert tokenise(text) == []


@pytest.mark.parametrize("text", STANFORD)
def test_words_stay_what_they_are(text: str) -> None:
    words = tokenise(text)
    again = tokenise(" ".join(words))
    assert again == words


@pytest.mark.skipif(shutil.which("java") is None, reason="the original runs in Java")
def test_table_is_what_the_original_gives(tmp_path: Path) -> None:
    tokenizer = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer")
    file = tmp_path / "captions.txt"
    file.write_text("\n".join(STANFORD), encoding="utf-8")
    jar = Path(tokenizer.__file__).with_name(tokenizer.STANFORD_CORENLP_3_4_1_JAR)
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer"]
    lines = subprocess.run(
        [*command, "-preserveLines", "-lowerCase", str(file)], capture_output=True, encoding="utf-8", check=True
    ).stdout.splitlines()
    dropped = {*tokenizer.PUNCTUATIONS, *BRACKETS}
    assert [" ".join(w for w in line.split() if w not in dropped) for line in lines] == list(STANFORD.values())
