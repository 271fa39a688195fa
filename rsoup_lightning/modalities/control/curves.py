"""What a policy did in an episode, as curves for people to look at."""

from __future__ import annotations

from rsoup_lightning.environment import Shown
from rsoup_lightning.modalities.control.spaces import Actions, ChoiceActions
from rsoup_lightning.rollout import Rollout

CURVE_POINTS = 100


def curves_of_episode(rollout: Rollout, row: int, actions: Actions) -> Shown:
    """A row of a simulator's rollout as curves of about a hundred points.

    Args:
        rollout: B episodes, with what :class:`SimulatorEnvironment` records.
        row: which.
        actions: of the environment.
    """
    length = int(rollout.mask[row].sum())
    stride = max(1, length // CURVE_POINTS)
    applied = rollout["applied"][row]
    if isinstance(actions, ChoiceActions):
        series = {
            f"action {index}" if actions.size > 1 else "action": applied[:, index] for index in range(actions.size)
        }
    else:
        series = {"‖a‖² (applied)": applied.square().sum(-1)}
    if "x_velocity" in rollout:
        series["velocity (m/s)"] = rollout["x_velocity"][row]
    thinned = {name: [round(x, 4) for x in values[:length:stride].tolist()] for name, values in series.items()}
    return Shown(title=f"seed {int(rollout['id'][row])}", text=f"{length} steps", series=thinned)
