from __future__ import annotations

import shutil
import time

import pytest

from rsoup_lightning.captions import tokenise

# What pycocoevalcap's tokeniser gives, joined by blanks.
ENGLISH = {
    "The dog's bone isn't here; it can't be!": "the dog 's bone is n't here it ca n't be",
    'A black-and-white cat (sleeping) on a "red" couch...': "a black-and-white cat -lrb- sleeping -rrb- on a red couch",
    "Two people -- one tall -- walk 3.5 miles, or 1,000 feet.": "two people one tall walk 3.5 miles or 1,000 feet",
    "Mr. Smith's U.S. flag, and/or an e-mail: 50% off": "mr. smith 's u.s. flag and/or an e-mail 50 % off",
    "I'm gonna say we're they'll you've I'd cannot": "i 'm gon na say we 're they 'll you 've i 'd can not",
    "the boys' room 'quoted' words": "the boys room quoted words",
    "café déjà vu at 5:30 p.m.": "café déjà vu at 5:30 p.m.",
    "Bosnia & Herzegovina, 1st place, # 1": "bosnia & herzegovina 1st place # 1",
    "smiling face with heart-eyes 😀": "smiling face with heart-eyes",
    "don’t, it’s “curly”": "do n't it 's curly",
    "a man 😀 and a dog 🐶": "a man and a dog",
    "two \U0001f469\u200d\U0001f469\u200d\U0001f467 on \u2764\ufe0f and \U0001f1e9\U0001f1ea": "two on ❤ and",
    "𐐔𐐯𐐝𐐨 in 𝒜 or 𠀀": "in or",
    "c++ and C++, c#, F#, .net, g++": "c++ and c++ c# f# net g + +",
    "#tag @user a@b.com http://a.org/b?c=d, www.a.com": "#tag @user a@b.com http://a.org/b?c=d www.a.com",
    "1/2 ½ 2⅓ x² H₂O ٣ ३.५ 10°C": "1/2 1/2 2 1/3 x ² h ₂ o ٣ ३.५ 10 ° c",
    "$5 €5 £5 ₹5 ¢5 US$5 50%": "$ 5 $ 5 # 5 5 cents 5 us$ 5 50 %",
    "rock'n'roll 'em o'clock l'eau y'all": "rock 'n' roll 'em o'clock l'eau y' all",
    "'90s 1980's C'mon": "'90s 1980 's c'mon",
    "‘quoted’ «quoted» “quoted” „quoted“ `quoted'": "quoted quoted quoted „ quoted quoted",
    "dogs’ dog’s can’t cann't ain`t": "dogs dog 's ca n't cann t ai n`t",
    "a (b) [c] {d}": "a -lrb- b -rrb- -lsb- c -rsb- -lcb- d -rcb-",
    "<unk> <a href='b'>e</a> < 3": "<unk> <a\xa0href='b'> e </a> < 3",
    "a_b a--b a-b a/b/c x-U.S. U.S.-U.K.": "a_b a b a-b a/b/c x-u.s. u.s.-u.k.",
    "AT&T Q&A &amp; &eacute; -lrb-": "at&t q&a & &eacute; -lrb-",
    "St. Inc. No. 5 no. T. The p.m. Ph.D. Ill. ill.": "st. inc. no. 5 no t the p.m. ph.d. ill. ill",
    "call (555) 123-4567 or 1 1/2": "call -lrb-555-rrb-\xa0123-4567 or 1\xa01/2",
    "a\xa0b a\u200bb a\xadb 1\xad2 a\u3000b": "a b a b ab 12 a b",
    ":-) ;) :D ^_^ -_- .5 -3 +4 5:30 1,000.5 10.5.2020": ":--rrb- ;-rrb- :d ^_^ -_- .5 -3 +4 5:30 1,000.5 10.5.2020",
    "a ... b . . . c… d?! e!! f; g: — – --- -----": "a b c d ?! e !! f g -----",
    "cannot GONNA 'tis 'Twas lemme": "can not gon na 't is 't was lem me",
}
SCRIPTS = {
    "एक लाल गाड़ी सड़क पर खड़ी है।": "एक लाल गाड़ी सड़क पर खड़ी है ।",
    "ঘাসের উপর দুটি কুকুর দৌড়ায়": "ঘাসের উপর দুটি কুকুর দৌড়ায়",
    "சிவப்பு கார் சாலையில் நிற்கிறது": "சிவப்பு கார் சாலையில் நிற்கிறது",
    "ఎర్ర కారు రోడ్డు మీద ఉంది": "ఎర్ర కారు రోడ్డు మీద ఉంది",
    "ಕೆಂಪು ಕಾರು": "ಕ ಪ ಕ ರ",
    "ചുവന്ന കാർ": "ചുവന ന കാർ",
    "લાલ ગાડી": "લાલ ગાડી",
    "ਲਾਲ ਗੱਡੀ": "ਲਾਲ ਗ ਡੀ",
    "රතු මෝටර් රථය": "රත ම ටර රථය",
    "รถสีแดง จอดอยู่ ที่ถนน": "รถสีแดง จอดอยู่ ที่ถนน",
    "ລົດ ສີແດງ": "ລົດ ສີແດງ",
    "រថយន្ត ក្រហម": "រថយន ត ក រហម",
    "ကား အနီ": "က အန",
    "སྔོན་པོ།": "ས ན པ",
    "წითელი მანქანა": "წითელი მანქანა",
    "կարմիր մեքենա։": "կարմիր մեքենա ։",
    "ቀይ መኪና።": "ቀይ መኪና",
    "سَيَّارَة حمراء، على الطريق؟": "سَيَّارَة حمراء ، على الطريق ؟",
    "מְכוֹנִית אֲדֻמָּה": "מְכוֹנִית אֲדֻמָּה",
    "ܣܝܪܬܐ ܣܘܡܩܬܐ": "ܣܝܪܬܐ ܣܘܡܩܬܐ",
    "빨간 자동차": "빨간 자동차",
    "赤い車が道にある。": "赤い車が道にある 。",
    "一只猫坐在垫子上": "一只猫坐在垫子上",
    "ᠮᠣᠷᠢ": "ᠮᠣᠷᠢ",
    "κόκκινο αυτοκίνητο, ΔΡΟΜΟΣ": "κόκκινο αυτοκίνητο δρομος",
    "красная машина": "красная машина",
    "un café près de la forêt, déjà vu": "un café près de la forêt déjà vu",
    "một chiếc xe màu đỏ": "một chiếc xe màu đỏ",
    "İstanbul'da bir kedi": "i̇stanbul da bir kedi",
    "ﬁne oﬃce ＡＢＣ １２３": "ﬁne oﬃce ａｂｃ １２３",
    "ein großes Straßenschild": "ein großes straßenschild",
    "un cafe\u0301 pre\u0300s de la fore\u0302t": "un cafe\u0301 pre\u0300s de la fore\u0302t",
    "mo\u0323\u0302t chie\u0302\u0301c": "mo\u0323\u0302t chie\u0302\u0301c",
    "\u1108\u1161\u11af\u1100\u1161\u11ab \u110e\u1161": "\u1108\u1161\u11af\u1100\u1161\u11ab \u110e\u1161",
}
ORIGINAL = ENGLISH | SCRIPTS


@pytest.mark.parametrize(("text", "tokens"), ORIGINAL.items(), ids=ascii)
def test_tokens_are_the_originals(text: str, tokens: str) -> None:
    assert " ".join(tokenise(text)) == tokens


@pytest.mark.parametrize("text", ["", "  ", "?", "“ ”", "...", "😀", "🤌🏽 ᠎"])
def test_no_words(text: str) -> None:
    assert tokenise(text) == []


@pytest.mark.parametrize(
    "text", ["A black-and-white cat (sleeping)...", "the dog's", "isn't Mr. Smith's", "१२ गाड़ी, c++"]
)
def test_words_stay_what_they_are(text: str) -> None:
    words = tokenise(text)
    again = tokenise(" ".join(words))
    assert again == words


def test_line_breaks_are_blanks() -> None:
    assert tokenise("a cat\non\r\na\u2028mat") == ["a", "cat", "on", "a", "mat"]


@pytest.mark.parametrize("text", ["<a" + " b" * 5000, "a-" * 5000, "a." * 5000, "'" * 5000, "1," * 5000, "a@" * 5000])
def test_long_texts_end(text: str) -> None:
    start = time.perf_counter()
    tokenise(text)
    assert time.perf_counter() - start < 10


@pytest.mark.skipif(shutil.which("java") is None, reason="the original runs in Java")
def test_table_is_what_the_original_gives() -> None:
    tokenizer = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer").PTBTokenizer()
    # A text of its own after each: the original looks across the ends of captions.
    texts = [caption for text in ORIGINAL for caption in (text, "x")]
    tokens = tokenizer.tokenize({index: [{"caption": text}] for index, text in enumerate(texts)})
    assert [tokens[index][0] for index in range(0, len(texts), 2)] == list(ORIGINAL.values())
