"""The first page: every run as a card."""

from __future__ import annotations

import html
from urllib.parse import quote

from nicegui import ui

from rsoup_lightning.explorer.parts.elements import box, tag
from rsoup_lightning.explorer.shelf import Run, Shelf
from rsoup_lightning.explorer.thumbnail import thumbnail
from rsoup_lightning.playing.meanings import task_meaning
from rsoup_lightning.report import view

FAMILIES = {"soup": "soup", "morl": "MORL"}


def home(shelf: Shelf) -> None:
    """Build the page."""
    tag("h1", "Rewarded soups")
    tag(
        "p",
        "One policy was fine-tuned once per reward. Move between the experts, and what lies there plays now.",
        "faint",
    )
    with box("cards"):
        for run in shelf.runs.values():
            _card(run)
        for name, reason in shelf.broken.items():
            with box("card"):
                tag("h3", name)
                tag("p", reason, "wrong small")


def _card(run: Run) -> None:
    record = run.front.record
    with ui.link(target=f"/run/{quote(run.name)}").classes("card").props(f'aria-label="{html.escape(run.name)}"'):
        ui.html(thumbnail(record), sanitize=False)
        tag("h3", run.name)
        tag("p", task_meaning(record["task"]) or record["task"], "faint small")
        with box("facts"):
            for fact in facts(run):
                ui.html(fact, sanitize=False, tag="span")


def facts(run: Run) -> list[str]:
    """The result of a run in a few phrases, as HTML."""
    record = run.front.record
    summary = record["summary"]
    found = []
    for kind, value in summary["hypervolume_normalised"].items():
        if value is not None:
            interval = view.written_interval(summary["hypervolume_normalised_ci95"][kind], ".2f")
            found.append(f"{FAMILIES[kind]} hypervolume <b>{value:.2f}</b>{interval}")
    lmc = summary["lmc"]
    if lmc["of"]:
        found.append(f"LMC at <b>{lmc['holds']} of {lmc['of']}</b> λ")
    cost = summary["training_cost"]
    if cost.get("morl") and cost.get("soup"):
        found.append(f"MORL cost <b>{cost['morl'] / cost['soup']:.2f}</b> × the soup")
    return found + [f"<span class=wrong>{html.escape(each)}</span>" for each in view.cautions(record)]
