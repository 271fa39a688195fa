"""What counts as one token: rules that give what Stanford's tokeniser (CoreNLP 3.4.1) gives, its oddities included.

At each place the rule with the longest match wins, the first of equally long ones. A rule with a group yields the
group only; what stands after it in the rule still counts for the length.
"""

from __future__ import annotations

from typing import Literal

from rsoup_lightning.captions.characters import DIGITS, LETTERS, MARKS, SYMBOLS

Kind = Literal["same", "word", "quotes", "brackets", "named", "nothing"]
"""How a token is written: as it stands, without soft hyphens, with straight quotes, with brackets by name, ..."""

SPACE = r" \t\n\xa0\u2000-\u200a\u3000"
_SPLICE = r"[ \xa0]"
_A, _D, _AD = f"[{LETTERS}]", f"[{DIGITS}]", f"[{LETTERS}{DIGITS}]"
_ACCENTED = "&[aeiouAEIOU](?i:acute|grave|uml);"
_FIRST = rf"(?:[{LETTERS}{MARKS}\xad]|{_ACCENTED})"
_MORE = rf"(?:[{LETTERS}{MARKS}{DIGITS}\xad]|{_ACCENTED})"
_CURLED = r"(?:[\x92’]|(?i:&apos;))"
_APOSTROPHE = f"(?:'|{_CURLED})"
_QUOTE = rf"(?:[`\x91‘‛]|{_APOSTROPHE})"

_WORD = rf"{_FIRST}{_MORE}*+(?:[.!?]{_FIRST}{_MORE}*+)*"
_ELIDED = f"(?:[dDoOlL]{_QUOTE}{_AD})?"
_JOINED = rf"{_ELIDED}{_AD}+(?:[-_\u058a\u2010\u2011]{_ELIDED}{_AD}+)*"
_NUMBER = rf"(?:{_D}*(?:[.:,\xad\u066b\u066c]{_D}+)+|{_D}+)"
_CLITIC = "(?:[msdMSD]|(?i:re|ve|ll))"
_NOT = f"[nN]{_QUOTE}[tT]"
_NATIONS = r"(?i:(?:Canada|Sino|Korean|EU|Japan|non)-U\.S|U\.S\.-(?:U\.K|U\.S\.S\.R))"
_INITIALS = rf"(?:{_NATIONS}|[A-Za-z](?:\.[A-Za-z])+)\."
_HYPHENED = rf"[A-Za-z0-9][A-Za-z0-9.,\xad]*(?:-(?:{_INITIALS}|[A-Za-z0-9\xad]+))+"
_CAPITALS = "[A-Z]+(?:(?:[+&]|(?i:&amp;))[A-Z]+)+"
_SLASHED = r"[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\?/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}"
_ABBREVIATION = r"""(?:(?i:
adj|adm|adv|al|ala|alex|apr|ariz|assn|assoc|asst|attys?|aug|ave|bancorp|bhd|bldg|blvd|brig|bros|calif|capt|cf|cie|co|
co?mdr|col|colo|conn|corp|cos|cpl|ct|dak|dec|dept|det|drs?|ed\.d|elec|ens|esq|est|etc|ext|feb|fla|fri|ft|ga|gen|govs?|
hon|inc|ind|insp|intl|invt|jan|jos|jr|jul|jun|kans?|ky|lieut|lt|ltd|maj|mar|md|messrs|mich|minn|mlle|mme|mo|mon|mont|
mrs?|ms|msgr|mt|natl|neb|nev|nov|oct|okla|penn|pfc|ph\.d|ph|plc|pres|profs?|pvt|rd|reps?|rev|rt|sens?|sept?|seq|sfc|
sgt|spc|sq|sr|ste?|supts?|sys|tel|tenn|thu|thurs|treas|tues?|univ|va|vs|vt|wed|wisc?|wm|wyo|m(?-i:[ft])g|
p?pt(?-i:[ey])s?)|A(?i:rk|z)|D(?i:el)|I(?i:ll)|L(?i:a)|M(?i:ass|iss)|O(?i:re)|P(?i:a)|T(?i:ex)|W(?i:ash))\.
""".replace("\n", "")
_NUMBERED = r"(?i:art|ca|figs?|nos?|op|pp|prop)\."
_OPENING = r"""
(?:A|About|According|Additionally|After|An|As|At|But|Earlier|He|Her|Here|However|If|In|It|Last|Many|More|Mr\.|Ms\.|Now|
Once|One|Other|Our|She|Since|So|Some|Such|That|The|Their|Then|There|These|They|This|We|What|When|While|Yet|You)
""".replace("\n", "")
_PHONE = (
    rf"(?:\([0-9]{{2,3}}\){_SPLICE}?|(?:\+\+?)?(?:[0-9]{{2,4}}[- \xa0])?[0-9]{{2,4}}[- \xa0])"
    r"[0-9]{3,4}[- \xa0]?[0-9]{3,5}"
)
_TAG = r"[A-Za-z][A-Za-z0-9:.-]*"
_ATTRIBUTE = rf"{_TAG}(?: *= *(?:'[^']*'|\"[^\"]*\"|{_TAG}))?"
_MARKUP = rf"<(?:[!?][A-Za-z-][^>\n]*|/?{_TAG}(?: +{_ATTRIBUTE})* *(?:/ *)?)>"
_NOT_URL = r" \t\n\f\r\"<>|(){}"
_PAIR = r"[\U00010000-\U0010ffff]"  # two characters to the original
_REST = rf"(?:[^{_NOT_URL}]+[^{_NOT_URL}.!?,-]|{_PAIR})"
_DOMAIN = rf"[^{_NOT_URL}`'!,-_$]"  # a range from the comma to the low line, so that no digit is in it
_MAIL, _HOST = rf"[^{_NOT_URL}\xa0]", rf"[^{_NOT_URL}.\xa0]"
_FILE = (
    "(?i:bat|bmp|class|cgi|cpp|dll|docx?|exe|gif|gz|html?|jar|java|jpe?g|mov|mp3|pdf|php|pl|png|ppt|ps|py|sql|tar|txt|wav"
    "|xml|zip|[chx])"
)
_EYE = r"[-\^x=~<>']"

RULES: list[tuple[Kind, str]] = [
    ("same", "(?i)(can(?=not)|gon(?=na)|got(?=ta)|lem(?=me)|gim(?=me)|wan(?=na)|'t(?=is|was))(?:not|na|ta|me|is|was)"),
    ("same", _MARKUP),
    ("named", "(?i)&(?:amp;|lt;|gt;)?"),
    ("nothing", "(?i)&(?:mdash|ndash|md|nbsp|quot);"),
    ("same", "&#[0-9]+;"),
    ("word", f"({_WORD}){_APOSTROPHE}{_CLITIC}"),
    ("word", rf"([A-Za-z\xad]*[A-MO-Za-mo-z]\xad*){_NOT}"),
    ("word", _WORD),
    ("same", rf"{_APOSTROPHE}(?i:n){_APOSTROPHE}|{_CURLED}(?i:n)|({_APOSTROPHE}(?i:n))[ \t\n\xa0]"),
    ("same", f"[lLdDjJ]{_APOSTROPHE}|(?i:dunkin|somethin|ol){_APOSTROPHE}|{_APOSTROPHE}(?i:em|til|cause)"),
    ("same", f"(?i:c{_QUOTE}mon|o{_QUOTE}o)|{_APOSTROPHE}[2-9]0s|[A-HJ-XZn]{_QUOTE}{_A}{{2,}}"),
    ("same", f"{_A}+[aeiouyAEIOUY]{_QUOTE}[aeiouA-Z]{_A}*"),
    ("same", f"([yY]{_APOSTROPHE}){_A}"),
    ("same", f"(?i:cap{_APOSTROPHE}n|c{_APOSTROPHE}est)|({_APOSTROPHE}[0-9][0-9])[{SPACE}]"),
    ("quotes", f"({_APOSTROPHE}{_CLITIC}|{_NOT})[^A-Za-z]"),
    ("quotes", f"{_CURLED}{_CLITIC}"),
    ("same", f"(?i:https?)://{_REST}"),
    ("same", rf"(?i:www)\.(?:[^{_NOT_URL}.!?,]+\.)+[a-zA-Z]{{2,4}}(?:/{_REST})?"),
    ("same", rf"(?:{_DOMAIN}+\.)+(?i:com|net|org|edu)(?:/{_REST})?"),
    ("same", rf"(?:(?i:&lt;)|<)?[a-zA-Z0-9]{_MAIL}*@(?:{_HOST}+\.)*{_HOST}+(?:(?i:&gt;)|>)?"),
    ("same", f"@[a-zA-Z_][a-zA-Z_0-9]*|#{_FIRST}+"),
    ("same", f"{_D}{{1,2}}[-/]{_D}{{1,2}}[-/]{_D}{{2,4}}"),
    ("word", rf"[-+]?{_NUMBER}"),
    ("same", r"[⁺⁻₊₋]?(?:[⁰¹²³⁴-⁹]+|[₀-₉]+)"),
    ("same", rf"(?:{_D}{{1,4}}[- \xa0])?{_D}{{1,4}}(?:\\?/|⁄){_D}{{1,4}}"),
    ("named", r"[¼½¾⅓⅔¢£¤€₠\x80(){}[\]]|[A-Z]*\$"),
    ("brackets", _PHONE),
    ("same", r"(?:(?:\+\+?)?[0-9]{2,4}\.)?[0-9]{2,4}\.[0-9]{3,4}\.[0-9]{3,5}"),
    ("same", r"(?i:-[lr][rcs]b-|C\.D\.s|pro-|anti-|S&(?:amp;)?P-500|S&(?:amp;)?Ls)"),
    ("same", rf"{_ABBREVIATION}|{_INITIALS}|[A-Za-z]\."),
    ("same", rf"({_MORE}+(?:\.{_MORE}+)*\.{_FILE})[{SPACE}.,?!]"),
    ("same", rf"([A-Za-z])\.[{SPACE}]+(?:{_OPENING}|{_MARKUP})[{SPACE}]"),
    ("same", f"({_NUMBERED})[{SPACE}]?{_D}"),
    ("word", rf"((?:{_WORD}|{_JOINED}|{_HYPHENED}|{_CAPITALS})\.)[,;:]"),
    ("brackets", r"([<>]?[:;=][-o*']?[()DPdpO\\{@|\[\]])[^A-Za-z0-9]"),
    ("brackets", rf"{_EYE}_{_EYE}|\({_EYE}[_.]?{_EYE}\)|\([\^x=~<>']-[\^x=~<>'`]\)|[\^x=~<>]\.\[\^x=~<>\]"),
    ("nothing", rf"-{{1,4}}(?!-)|[–—―\x96\x97\"…]|\.{{3,5}}|\.(?:{_SPLICE}\.){{2,4}}"),
    ("same", r"-+|@+|#+|_+|\*+|(?:\\\*){1,3}|[?!]+|[.=/+,;:、]|<<|>>|[<>]"),
    ("word", _HYPHENED),
    ("word", _JOINED),
    ("word", _CAPITALS),
    ("same", _SLASHED),
    ("same", r"[cC]\+\+|[cCfF]#"),
    ("quotes", r"(?i:&apos;)|''|[`\x91-\x94‘-‟‹›«»]{1,2}|'"),
    ("same", f"[{SYMBOLS}]"),
    ("word", r"\xad"),
    ("nothing", f"[{SPACE}]+"),
]
