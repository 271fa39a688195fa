"""How to take the chosen λ away: as files, or into a program."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from nicegui import ui

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.explorer.choosing.mixing import Mix
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.parts.elements import box, command, set_text, tag
from rsoup_lightning.playing.run_front import RunFront
from rsoup_lightning.run.finished.experts import experts_folder
from rsoup_lightning.simplex import LINEAR


class Take:
    """Commands and lines to copy, which follow λ.

    Args:
        front: of the run.
        selection: whose λ.
    """

    def __init__(self, front: RunFront, selection: Selection) -> None:
        self._run, self._selection = front.run, selection
        self._experts = _experts_of(front.run)
        self._merge: ui.html | None = None
        if front.mixing == LINEAR:  # the command merges so
            tag("p", "Its weights, merged into files that load as the experts did:", "small faint")
            self._merge = command("")
        tag("p", "In Python:", "small faint")
        self._python = command("")
        self._served: ui.html | None = None
        self._place = box("")
        self._show()
        selection.on_move(self._show)

    def serve(self) -> None:
        """Show how a server is asked, too: of experts that one can serve."""
        with self._place:
            tag("p", "From a server, which answers many requests, each at its own λ:", "small faint")
            command(f"rsoup serve {shlex.quote(str(self._run))}")
            self._served = command("")
        self._show()

    def _show(self) -> None:
        if self._merge is not None:
            set_text(self._merge, command_to_merge(self._experts, self._selection.mix))
        set_text(self._python, python_lines(self._run, self._selection.mix))
        if self._served is not None:
            set_text(self._served, command_to_ask(self._selection.mix))


def _experts_of(run: Path) -> Path:
    """The folder of a run's experts, or of its first seed's; where they would be, of a run that is a front alone."""
    try:
        return experts_folder(run, None)[1]
    except RSoupError:
        return run / "experts"


def command_to_merge(folder: Path, mix: Mix) -> str:
    """The command that writes the soup at λ of the experts in a folder.

    >>> print(command_to_merge(Path("runs/locomotion-quickstart/experts"), {"risky": 0.7, "cautious": 0.3}))
    rsoup merge --experts runs/locomotion-quickstart/experts/risky runs/locomotion-quickstart/experts/cautious \\
      --coefficients 0.7 0.3 --output merged
    """
    experts = " ".join(shlex.quote(str(folder / name)) for name in mix)
    weights = " ".join(f"{weight:g}" for weight in mix.values())
    return f"rsoup merge --experts {experts} \\\n  --coefficients {weights} --output merged"


def python_lines(run: Path, mix: Mix) -> str:
    """The lines that play the soup at λ.

    >>> print(python_lines(Path("runs/locomotion-quickstart"), {"risky": 0.7, "cautious": 0.3}))
    from rsoup_lightning import load
    policy = load('runs/locomotion-quickstart').at({'risky': 0.7, 'cautious': 0.3})
    """
    return f"from rsoup_lightning import load\npolicy = load({str(run)!r}).at({mix!r})"


def command_to_ask(mix: Mix) -> str:
    """The command that asks a server at λ, where it listens by default.

    >>> print(command_to_ask({"kind": 0.7, "brief": 0.3}))
    curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\
      -d '{"coefficients": {"kind": 0.7, "brief": 0.3}, "messages": [{"role": "user", "content": "Hello"}]}'
    """
    body = json.dumps({"coefficients": mix, "messages": [{"role": "user", "content": "Hello"}]}, ensure_ascii=False)
    address = "http://127.0.0.1:8000/v1/chat/completions"
    return f"curl {address} -H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)}"
