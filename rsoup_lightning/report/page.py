"""Pictures of a front: front.png, and report.html, one file that opens offline."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.files import write_text
from rsoup_lightning.front.record import Record, Stages, check_record
from rsoup_lightning.report.shown import REWRITE, read_shown
from rsoup_lightning.report.strips import strips
from rsoup_lightning.report.tables import cost_table, delimited, points_table
from rsoup_lightning.report.view import headline, of_kind, point_label

WORDS = Path(__file__).parent / "words.js"
"""The function ``differences``, which tells the words that one text has and another has not."""
AUDITED = 5  # completions of which the report shows what the rewards read


def write_report(folder: Path, record: Record, *, shown: Path, seeds: Sequence[Stages] = ()) -> None:
    """Write front.png and report.html into ``folder``.

    Args:
        folder: where to.
        record: the content of front.json.
        shown: folder of what each point's policy produced, by its index.
        seeds: what was recorded of the stages of each seed, for the learning curves; without it there are none.

    Raises:
        FrontError: the record is not a whole front.
        RunFolderError: a file of what was shown is damaged, or a picture that it names is missing.
    """
    check_record(record, f"the front of {folder}")
    from rsoup_lightning.report.picture import (
        write_picture,  # matplotlib and plotly are heavy, and only this needs them
    )

    write_picture(folder / "front.png", record)
    _write_page(folder / "report.html", folder.name, record, shown, seeds)


def _write_page(path: Path, title: str, record: Record, shown: Path, seeds: Sequence[Stages]) -> None:
    entries = [_read(shown, index) for index in range(len(record["points"]))]
    compared = _baseline(record)
    page = Template((Path(__file__).parent / "page.html.in").read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        headline=html.escape(" · ".join(headline(record))),
        figures=_figures(record),
        cost=cost_table(record),
        points=_options(record),
        beside=_beside(record, entries, compared),
        audit=_audit(point_label(record["points"][compared]), entries[compared]["shown"]),
        strips=strips(record, [entry["shown"] for entry in entries]),
        films=_films(record, entries),
        learning=_learning(record, seeds),
        table=points_table(record),
        csv=_data_uri("text/csv", delimited(record, ",").encode()),
        json=_data_uri("application/json", json.dumps(record, indent=1).encode()),
        summary=html.escape(json.dumps(record["summary"], indent=1)),
        shown=_script([entry["shown"] for entry in entries]),
        labels=_script([point_label(point) for point in record["points"]]),
        tabs=_script(delimited(record, "\t")),
        words=WORDS.read_text(encoding="utf-8").strip(),
    )
    write_text(path, page)


def _figures(record: Record) -> str:
    from rsoup_lightning.report.figures import figures

    first, *others = [
        figure.to_html(full_html=False, include_plotlyjs=name == "front", div_id=name, config={"responsive": True})
        for name, figure in figures(record).items()
    ]
    return f"{first}<div class=maps>{''.join(others)}</div>" if others else first


def _learning(record: Record, seeds: Sequence[Stages]) -> str:
    """The learning curves of all stages; nothing where none has a history."""
    from rsoup_lightning.report.curves import curves_figure

    figure = curves_figure(record, seeds)
    if figure is None:
        return ""
    drawn = figure.to_html(full_html=False, include_plotlyjs=False, div_id="learning", config={"responsive": True})
    limits = any(stage.get("limits") for stages in seeds for stage in stages.values())
    guarded = " Dashed: the limit of a guard; its multiplier is what it weighs beside the rewards." if limits else ""
    return (
        f"<h2>Learning</h2>{drawn}<p><small>Mean rewards in the last rollout of each epoch; those given at every step "
        "are means over steps here, and not sums as in the front. Each curve goes on from what its training began at."
        f"{guarded}{_lost(seeds)}</small></p>"
    )


def _lost(seeds: Sequence[Stages]) -> str:
    """What averaged adapters have lost of their updates, the mean over seeds; nothing where nothing was."""
    lost = {name: [stages[name]["lost"] for stages in seeds] for name in seeds[0] if "lost" in seeds[0][name]}
    return "".join(
        f" {html.escape(name)} lacks {np.mean(shares):.1%} of the averaged updates (Frobenius norm), which adapters of "
        "their rank cannot hold."
        for name, shares in lost.items()
        if any(shares)
    )


def _read(folder: Path, index: int) -> Record:
    entry = read_shown(folder, index)
    for each in entry["shown"]:
        each["media"] = _image(folder, each["media"])
    return {**entry, "film": _image(folder, entry["film"])}


def _image(folder: Path, name: str) -> str:
    """A picture in the folder as a data URI; nothing without a name."""
    if not name:
        return ""
    try:
        return _data_uri(f"image/{Path(name).suffix[1:]}", (folder / name).read_bytes())
    except OSError as error:
        raise RunFolderError(f"cannot read the picture {folder / name} ({error}): {REWRITE}") from None


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _script(value: Any) -> str:
    """``value`` as JSON that neither ends the script element it stands in (``</script>``) nor extends it (``<!--``)."""
    return json.dumps(value).replace("<", "\\u003c")


def _baseline(record: Record) -> int:
    """The point that others are compared with until another is chosen: init, or the first expert."""
    first = record["experts"][0]
    experts = [index for index, point in of_kind(record, "expert").items() if point["coefficients"][first] == 1]
    return [*of_kind(record, "init"), *experts][0]


def _options(record: Record, chosen: int | None = None) -> str:
    """Every point as an entry of a select element."""
    return "".join(
        f"<option value={index}{' selected' * (index == chosen)}>{html.escape(point_label(point))}</option>"
        for index, point in enumerate(record["points"])
    )


def _texts(shown: Record) -> dict[str, Record]:
    """The readings of the rewards that read text."""
    return {name: reading for name, reading in shown["read"].items() if reading["text"] is not None}


def _beside(record: Record, entries: Sequence[Record], compared: int) -> str:
    """The choice of what completions are compared with; nothing where there is no text to compare."""
    if not any(_texts(each) for entry in entries for each in entry["shown"]):
        return ""
    return (
        f"<label>beside <select id=baseline autocomplete=off>{_options(record, compared)}</select></label> "
        "<small>Words that are not in the completion beside are <mark>marked</mark>.</small>"
    )


def _audit(name: str, shown: Sequence[Record]) -> str:
    """The first completions of a point as rewards read them; nothing where no reward reads text."""
    rows = [
        f"<tr><td>{html.escape(each['title'])}</td><td class=short>{html.escape(reward)}</td>"
        f"<td>{html.escape(reading['text'])}</td><td class=short>{reading['score']:.3g}</td></tr>"
        for each in shown[:AUDITED]
        for reward, reading in _texts(each).items()
    ]
    if not rows:
        return ""
    head = "<tr><th>prompt</th><th>reward</th><th>text it read</th><th>score</th></tr>"
    return (
        f"<details id=audit><summary>What the rewards read: {html.escape(name)}</summary>"
        f"<div class=wide><table class=texts>{head}{''.join(rows)}</table></div></details>"
    )


def _films(record: Record, entries: Sequence[Record]) -> str:
    pairs = [(point_label(point), entry["film"]) for point, entry in zip(record["points"], entries, strict=True)]
    figures = "".join(
        f'<figure><img src="{film}" alt="{html.escape(name)}"><figcaption>{html.escape(name)}</figcaption></figure>'
        for name, film in pairs
        if film
    )
    return f"<h2>Side by side</h2><div class=films>{figures}</div>" if figures else ""
