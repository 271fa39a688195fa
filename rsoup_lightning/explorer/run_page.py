"""The page of one run: its front, λ, what plays there, and how to take it away."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from rsoup_lightning.explorer.choosing.front_view import ExpectedView, FrontView
from rsoup_lightning.explorer.choosing.mixer import Mixer
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.home import facts
from rsoup_lightning.explorer.kinds.showings import is_served, showing_of
from rsoup_lightning.explorer.panels import Panels
from rsoup_lightning.explorer.parts.elements import box, section, tag
from rsoup_lightning.explorer.preferring import Preferring
from rsoup_lightning.explorer.shelf import Run
from rsoup_lightning.explorer.take import Take
from rsoup_lightning.playing.meanings import reward_meanings, task_meaning
from rsoup_lightning.playing.run_front import RunFront
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.report.tables import cost_table


async def run_page(run: Run, address: Mapping[str, str]) -> None:
    """Build the page of a run.

    Args:
        run: which.
        address: the query part of the address, see :class:`Selection`.
    """
    record = run.front.record
    figure = await asyncio.to_thread(_figure, run.front)
    selection = Selection(run.front.experts, address)
    tag("h1", run.name)
    tag("p", task_meaning(record["task"]) or record["task"], "faint")
    with box("facts"):
        for fact in facts(run):
            ui.html(fact, sanitize=False, tag="span")
    if selection.complaint:
        tag("p", selection.complaint, "wrong")
    with section("The front"), box("split"):
        FrontView(run.front, selection, figure)
        with box("side"):
            tag("h3", "λ")
            Mixer(selection)
            ExpectedView(run.front, selection)
    played, preferring = box(""), box("", "section")
    with section("Take it with you"):
        take = Take(run.front, selection)

    def loaded(soup: Soup) -> None:
        if is_served(soup):
            take.serve()
        _compare(run, selection, preferring, soup)

    with played:
        Panels(run, selection, showing_of, loaded)
    with section("Experts, rewards and cost"):
        meanings = ui.html("", sanitize=False)
        with box("wide"):
            ui.html(cost_table(record), sanitize=False)
    ui.timer(0, lambda: _explain(run, meanings), once=True)


def _compare(run: Run, selection: Selection, place: ui.element, soup: Soup) -> None:
    """The section that finds a visitor's preference, of experts that can be compared."""
    if len(selection.experts) < 2:
        return
    with place:
        tag("h2", "Which do you prefer?")
        own = Selection(selection.experts, selection.asked)
        preferring = Preferring(run, selection, showing_of(soup, own))
    ui.context.client.on_delete(preferring.stop)


def _figure(front: RunFront) -> dict[str, Any]:
    return front.plot().to_plotly_json()


async def _explain(run: Run, place: ui.html) -> None:
    """What the rewards say of themselves, as soon as they are imported."""
    meanings = await asyncio.to_thread(reward_meanings, run.front.run / "config.yaml")
    watched = [name for name in run.front.points[0]["scores"] if name not in run.front.rewards]
    lines = []
    for name in [*run.front.rewards, *watched]:
        role = "reward of an expert" if name in run.front.experts else "only watched"
        said = html.escape(meanings.get(name, "")) or "–"
        lines.append(
            f"<tr><td>{html.escape(name)}<br><small>{role}</small></td><td style='text-align:left'>{said}</td></tr>"
        )
    place.set_content(f"<div class=wide><table>{''.join(lines)}</table></div>")
