"""What becomes of damaged inputs: refused by an error of ours, or taken rightly; everything else is a fault."""

from __future__ import annotations

import os
import shutil
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from rsoup_lightning.errors import RSoupError

SEEDS = int(os.environ.get("RSOUP_CORRUPTIONS", "12"))
MEMORY = 150  # MB that a damaged file of some KB may cost at most
CODE_RAN = "RSOUP_CODE_RAN"  # the environment variable that hostile pickles set


@dataclass(frozen=True)
class Case:
    """A damaged input.

    Attributes:
        damage: what was done to it.
        names: what an error may name, one of them.
        run: what is to refuse it, or to take it.
        check: raises where what ``run`` gave is not right.
        strict: whether a warning is a fault.
    """

    damage: str
    names: Iterable[Path]
    run: Callable[[], Any]
    check: Callable[[Any], None]
    strict: bool = True


def survey(label: str, case: Callable[[Path, Random], Case], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a case of each seed in a folder of its own, print how many came to what, and fail where there are faults."""
    outcomes: Counter[str] = Counter()
    faults = []
    monkeypatch.delenv(CODE_RAN, raising=False)
    for seed in range(SEEDS):
        work = folder / str(seed)
        (work / "tmp").mkdir(parents=True)
        monkeypatch.setattr(tempfile, "tempdir", str(work / "tmp"))
        damaged = case(work, Random(f"{label} {seed}"))
        outcome, reason = _outcome(damaged, work)
        outcomes[outcome] += 1
        if outcome not in ("refused", "right"):
            faults.append(f"seed {seed} ({damaged.damage}): {outcome}: {reason}")
        shutil.rmtree(work)
    print(f"\n{label}: {dict(outcomes)}")
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)


def _outcome(case: Case, work: Path) -> tuple[str, str]:
    """What a case came to, and why."""
    before = sorted(work.rglob("*"))
    Path("/proc/self/clear_refs").write_text("5")  # the most memory used is counted anew
    memory = _most_memory()
    error, given = None, None
    try:
        with warnings.catch_warnings(action="error" if case.strict else "ignore"):
            given = case.run()
    except Exception as raised:
        error = raised
    if os.environ.pop(CODE_RAN, None):
        return "code run", repr(error)
    if _most_memory() - memory > MEMORY:
        return "memory", f"{_most_memory() - memory:.0f} MB, {error!r}"
    if error is None:
        try:
            with warnings.catch_warnings(action="ignore"):
                case.check(given)
        except Exception as wrong:
            return "wrong", f"{type(wrong).__name__}: {str(wrong)[:300]}"
        return ("left", "in the folder for temporary files") if any((work / "tmp").iterdir()) else ("right", "")
    if sorted(work.rglob("*")) != before:
        return "left", f"{set(work.rglob('*')) ^ set(before)}, {error!r}"
    if not isinstance(error, RSoupError):
        return "foreign", "".join(traceback.format_exception(error)[-3:])
    if not str(error).isprintable() or not any(str(name) in str(error) for name in case.names):
        return "unclear", str(error)
    return "refused", ""


def _most_memory() -> float:
    """The most that this process has used since it was last counted anew, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3
