"""What somebody looks at: λ, what was asked and with which seed. The address of the page holds all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

from nicegui import ui

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.explorer.choosing import mixing


class Selection:
    """One visitor's selection on the page of a run.

    Args:
        experts: of the run.
        address: the query part of the address that they came by.

    Attributes:
        mix: λ.
        asked: everything else that was chosen, by name: texts, as in an address.
        complaint: what was wrong with the address, if anything.
    """

    def __init__(self, experts: Sequence[str], address: Mapping[str, str]) -> None:
        self.experts = list(experts)
        self.mix, self.complaint = mixing.even(experts), ""
        self.asked = {name: value for name, value in address.items() if name != "at"}
        if "at" in address:
            try:
                self.mix = mixing.of_address(address["at"], experts)
            except RSoupError as error:
                self.complaint = str(error)
        self._moved: list[Callable[[], None]] = []
        self._asked: list[Callable[[], None]] = []

    def on_move(self, call: Callable[[], None]) -> None:
        """Call whenever λ is another."""
        self._moved.append(call)

    def on_ask(self, call: Callable[[], None]) -> None:
        """Call whenever something else is asked."""
        self._asked.append(call)

    def move(self, mix: Mapping[str, float]) -> None:
        """Choose λ."""
        if dict(mix) != self.mix:
            self.mix = dict(mix)
            self._changed(self._moved)

    def ask(self, **values: str) -> None:
        """Choose something else; an empty text takes it back."""
        asked = {name: value for name, value in {**self.asked, **values}.items() if value}
        if asked != self.asked:
            self.asked = asked
            self._changed(self._asked)

    def note(self, **values: str) -> None:
        """As :meth:`ask`, of what nobody else needs to hear of."""
        self.asked = {name: value for name, value in {**self.asked, **values}.items() if value}
        self._changed([])

    @property
    def address(self) -> str:
        """The query part of the address that shows the same."""
        return "?" + urlencode({"at": mixing.in_address(self.mix), **self.asked}, safe=":,")

    def _changed(self, calls: list[Callable[[], None]]) -> None:
        ui.navigate.history.replace(self.address)
        for call in calls:
            call()
