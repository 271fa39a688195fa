"""``drive``: all stages of a run, each as soon as those that it needs are finished, whoever computes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from rsoup_lightning.errors import RSoupError, StageError
from rsoup_lightning.run.folders.stages import Graph
from rsoup_lightning.run.launchers.launcher import Launcher

RETRIES = 2
"""How often a stage is begun again whose worker died."""


def drive(
    graph: Graph,
    finished: Iterable[str],
    launcher: Launcher,
    own: Mapping[str, Callable[[], None]],
    say: Callable[[str], None],
) -> None:
    """Compute what is not finished yet.

    A stage whose worker dies is begun again, from its checkpoint, :data:`RETRIES` times at most. One that cannot be
    computed is not: what does not depend on it is finished nonetheless.

    Args:
        graph: all stages.
        finished: those that an earlier run has computed.
        launcher: computes the others.
        own: stages that the driver computes itself: those that write what a run leaves.
        say: takes a line of what goes wrong.

    Raises:
        StageError: some stages could not be computed; says which, and why.
        RSoupError: what stopped the last stage, if that is the driver's own.
    """
    done, tries = set(finished), Counter[str]()
    left = {stage: set(needs) for stage, needs in graph.items() if stage not in done}
    running, failed = set[str](), dict[str, str]()
    while True:
        for stage in [stage for stage, needs in left.items() if needs <= done]:
            del left[stage]
            if stage in own:
                try:
                    own[stage]()
                except RSoupError as error:
                    if not (running or left):
                        raise
                    failed[stage] = str(error)
                    say(f"{stage} failed: {error}")
                else:
                    done.add(stage)
            else:
                running.add(stage)
                launcher.submit(stage)
        if any(needs <= done for needs in left.values()):
            continue
        if not running:
            break
        ended = launcher.wait()
        if ended.died and tries[ended.stage] < RETRIES:
            tries[ended.stage] += 1
            say(f"{ended.stage}: {ended.error}; it begins again where it stopped ({tries[ended.stage]}/{RETRIES})")
            launcher.submit(ended.stage)
            continue
        running.remove(ended.stage)
        if ended.died or ended.error:
            failed[ended.stage] = f"{RETRIES + 1} times: {ended.error}" if ended.died else ended.error
            say(f"{ended.stage} failed: {failed[ended.stage]}")
        else:
            done.add(ended.stage)
    if failed:
        waiting = f"; {len(left)} stages wait for that" if left else ""
        raise StageError("; ".join(f"{stage}: {reason}" for stage, reason in failed.items()) + waiting)
