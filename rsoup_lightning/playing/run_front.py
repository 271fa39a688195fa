"""``RunFront``: what a run measured, to look at and to pick from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from plotly.graph_objects import Figure

from rsoup_lightning.errors import FrontError, UnknownNameError
from rsoup_lightning.front.chosen import Chosen, choose, measured_front
from rsoup_lightning.front.expected import Expected, expected_scores
from rsoup_lightning.front.record import Record, mixing_of, read_front
from rsoup_lightning.hub import local_folder
from rsoup_lightning.optional import need
from rsoup_lightning.report.figures import figures
from rsoup_lightning.simplex import OF_OUTPUTS, check_named_coefficients


class RunFront:
    """The front of a finished run, without its experts.

    Args:
        run: the run folder.
        record: the content of its front.json.

    Attributes:
        run: as given.
        record: as given.
    """

    def __init__(self, run: Path, record: Record) -> None:
        self.run, self.record = run, record

    @classmethod
    def load(cls, run: str | Path) -> Self:
        """The front in a run folder, or in that of a name on the hub.

        Raises:
            RunFolderError: there is no run, or one that is not finished.
            FrontError: its front.json is damaged or of another version.
        """
        folder = local_folder(run)
        return cls(folder, read_front(folder))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.record['task']}: {len(self.points)} points, {', '.join(self.rewards)})"

    @property
    def rewards(self) -> list[str]:
        """What it is measured in."""
        return list(self.record["rewards"])

    @property
    def experts(self) -> list[str]:
        """Whose soups it is of."""
        return list(self.record["experts"])

    @property
    def mixing(self) -> str:
        """How they are mixed: ``linear`` where their weights are averaged."""
        return mixing_of(self.record)

    @property
    def has_weights(self) -> bool:
        """Whether there are weights that play each λ: not where experts' outputs are mixed."""
        return self.mixing not in OF_OUTPUTS

    @property
    def points(self) -> list[Record]:
        """Every evaluated policy, as front.json has it: ``kind``, ``coefficients``, ``scores``, ``ci95`` ..."""
        return list(self.record["points"])

    def to_dataframe(self) -> Any:
        """A pandas ``DataFrame`` with a row per point, its columns called ``scores.risky`` and so on.

        Raises:
            ConfigError: pandas is not installed.
        """
        return need("pandas", "pandas", "notebook").json_normalize(self.points)

    def plot(self, picture: str = "front") -> Figure:
        """A plotly figure, as the report has it.

        Args:
            picture: ``front``; of three rewards or more also ``spider``, of three experts ``ternary``.

        Raises:
            UnknownNameError: this front has no such picture.
        """
        drawn = figures(self.record)
        if picture not in drawn:
            raise UnknownNameError("picture of this front", picture, drawn)
        return drawn[picture]

    def hypervolume(self, family: str = "soup") -> float:
        """Normalised hypervolume: in the experts' box the chord between two experts has 0.5, utopia 1.

        Args:
            family: ``soup``, or ``morl`` where the run has trained such baselines.

        Raises:
            UnknownNameError: the run has none.
            FrontError: all experts score the same on some reward.
        """
        volumes = self.record["summary"]["hypervolume_normalised"]
        if family not in volumes:
            raise UnknownNameError("family of points of this front", family, volumes)
        if volumes[family] is None:
            raise FrontError("all experts score the same on some reward: their box has no volume")
        return float(volumes[family])

    def pick(self, preference: Mapping[str, float]) -> Chosen:
        """The best λ for μ, on the measured points or between them: its ``coefficients``, and the ``reason``.

        Args:
            preference: μ, reward to weight on the simplex, absent ones weigh zero.

        Raises:
            UnknownNameError: no such reward.
            CoefficientError: μ off the simplex.
            FrontError: scores without standard errors, by which points are weighed.
        """
        return choose(measured_front(self.record, self.run / "front.json"), preference)

    def pick_by_choices(self, choices: Sequence[Mapping[str, Any]]) -> Chosen:
        """The best λ for the μ that choices between points tell of: ``learnt`` says with what interval.

        Args:
            choices: ``{"preferred": {"point": 3}, "other": {"point": 7}}`` and so on, places among the points.

        Raises:
            ChoicesError: they say nothing, contradict every reward, or name what is not a point.
            FrontError: scores without standard errors, by which points are weighed.
        """
        return choose(measured_front(self.record, self.run / "front.json"), choices=list(choices))

    def expected(self, coefficients: Mapping[str, float]) -> Expected | None:
        """The scores to expect at λ: as measured there, else by a quadratic fitted to the measured points around it.

        Args:
            coefficients: λ, expert to weight on the simplex, absent ones weigh zero.

        Returns:
            None where too few points were measured for a fit.

        Raises:
            UnknownNameError: no such expert.
            CoefficientError: λ off the simplex.
        """
        check_named_coefficients(coefficients, self.experts)
        return expected_scores(self.record, coefficients)
