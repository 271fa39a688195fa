from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning.errors import ConfigError
from tasks.grounding.plain_pickle import read_plain_pickle

PLAIN = [{"ref_id": 1, "sent": "a café", "box": (1.5, -2), "none": None, "big": 1 << 70, "yes": True}]


class Call:
    def __reduce__(self) -> Any:
        return os.mkdir, ("called",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_of_every_protocol(protocol: int, tmp_path: Path) -> None:
    (tmp_path / "refs.p").write_bytes(pickle.dumps(PLAIN, protocol))
    assert read_plain_pickle(tmp_path / "refs.p") == PLAIN


def test_texts_of_python_2(tmp_path: Path) -> None:
    (tmp_path / "refs.p").write_bytes(b"(lp0\n(dp1\nS'sent'\np2\nS'caf\\xc3\\xa9'\np3\nsa.")
    assert read_plain_pickle(tmp_path / "refs.p") == [{"sent": "café"}]


@pytest.mark.parametrize("harmful", [Call(), OrderedDict(a=1), print, os.system])
def test_what_could_run_code_is_refused(harmful: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("refs.p").write_bytes(pickle.dumps([harmful]))
    with pytest.raises(ConfigError, match=r"refs\.p is not a readable pickle of plain data: it asks for "):
        read_plain_pickle(Path("refs.p"))
    assert not Path("called").exists()


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps(PLAIN)[:-5]])
def test_damaged(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "refs.p").write_bytes(content)
    with pytest.raises(ConfigError, match=r"refs\.p is not a readable pickle"):
        read_plain_pickle(tmp_path / "refs.p")
    with pytest.raises(ConfigError, match=r"absent\.p cannot be read: No such file"):
        read_plain_pickle(tmp_path / "absent.p")
