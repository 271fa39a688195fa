from __future__ import annotations

import base64
import json
import re
from dataclasses import asdict
from pathlib import Path

from rsoup_lightning.comparing.page import write_bench_page
from tests.comparing.suites import made_up

BENCH = made_up({"soup": [[0.5, 0.2], [0.7, 0.2]], "other": [[0.5, 0.1], [0.7, 0.1]]})


def test_one_file_that_fetches_nothing_and_has_all(tmp_path: Path) -> None:
    write_bench_page(tmp_path / "bench.html", BENCH)
    page = (tmp_path / "bench.html").read_text()
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="?https?:', page)
    assert not re.search(r"\$[a-z]+\b", page.partition("<script")[0])
    assert page.count('class="plotly-graph-div') == 4  # two fronts, costs, scores
    assert "<td>-50.0% [-50.0%, -50.0%]</td>" in page
    (embedded,) = re.findall(r'href="data:application/json;base64,([^"]+)"', page)
    assert json.loads(base64.b64decode(embedded)) == json.loads(json.dumps(asdict(BENCH)))
