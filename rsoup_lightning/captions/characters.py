"""Kinds of characters that the tokeniser of the Penn Treebank knows: those of Unicode 6.1, of the first plane."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# What has become a letter or a digit since: first and last, in hexadecimal.
_LATER = """
37f 528-52f 560 588 5ef 860-887 889-88e 8a1 8ad-8c9 978 980 9fc af9 c34 c5a-c5d c80 cdd d04 d54-d56 d5f de6-def e86 e89
e8c e8e-e93 e98 ea0 ea8-ea9 eac 13f5-13fd 16f1-16f8 170d 171f 1878 191d-191e 19b0-19c0 19c8-19c9 1b4c 1c80-1cbf
1cf2-1cf3 1cfa 2c2f 2c5f 312e-312f 31bb-31bf 4db6-4dbf 9fcd-9fff a698-a69d a78f a794-a79f a7ab-a7f7 a8fd-a8fe a9e0-a9fe
aa7e-aa7f ab30-ab5a ab5c-ab69 ab70-abbf
"""
_MARKS = """
2c2-2c5 2d2-2df 2e5-2eb 2ed 2ef-36f 375 378 384-385 3f6 483-487 55a-55f 591-5bd 5bf 5c1-5c2 5c4-5c5 5c7 615-61a 64b-65e
670 6d6-6e4 6e7-6ed 6fd-6fe 70f 711 730-74a 7a6-7b0 7eb-7f3 900-903 93c 93e-94e 951-955 962-963 981-983 9bc 9be-9cd 9d7
9e2-9e3 a01-a03 a3c-a4d a81-a83 abc abe-acd b82 bbe-bcd c01-c03 c3e-c56 d3e-d44 d46-d48 e31 e34-e3a e47-e4e eb1 eb4-ebc
ec8-ecd
"""
_SYMBOLS = """
25-26 2b 5c 5e 7c 7e a1 a5-a9 ac ae-b1 b4 b6-b8 bf d7 f7 37e 387 589 5be 5c0 5c3 5c6 5f3-5f4 600-603 606-60c 614 61b
61e-61f 66a 66d 6d4 700-70d 7f6-7f8 964-965 e3f e4f 1fbd 2016-2017 2020-2023 2030-2038 203b 203e-2042 2044 207a-207e
208a-208e 20a4 2100-2101 2103-2106 2108-2109 2114 2116-2118 211e-2123 2125 2127 2129 212e 213a-213b 2140-2144 214a-214d
214f 2155-215e 2190-2bff 3001-3002 3012 30fb ff01-ff0f ff1a-ff20 ff3b-ff40 ff5b-ff65 ffe0-ffe1 ffe5-ffe6
"""


def _read(ranges: str) -> set[int]:
    pairs = (part.partition("-") for part in ranges.split())
    return {code for first, _, last in pairs for code in range(int(first, 16), int(last or first, 16) + 1)}


def _inside(codes: Iterable[int]) -> str:
    """What stands between the brackets of a regular expression that means these characters."""
    spans: list[list[int]] = []
    for code in sorted(codes):
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in spans)


def _of(*categories: str) -> str:
    kinds = ((code, unicodedata.category(chr(code))) for code in range(0x10000))
    return _inside({code for code, kind in kinds if kind in categories} - _read(_LATER))


LETTERS = _of("Lu", "Ll", "Lt", "Lm", "Lo") + "\u1885\u1886"
DIGITS = _of("Nd")
MARKS = _inside(_read(_MARKS))
"""Marks that belong to words; those of other scripts end them."""
SYMBOLS = _inside(_read(_SYMBOLS))
"""Symbols that are words of their own. What is neither of all these is a blank."""
