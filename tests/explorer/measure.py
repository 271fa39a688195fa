"""How long the live page takes from a move of λ to what a visitor sees of it, in a real browser on this machine.

    python -m tests.explorer.measure runs/review-smollm2 runs/locomotion-quickstart runs/diffusion

Their page is served and driven here; chromium is needed, and the extras explore and test. Times are of the chosen
panel, in milliseconds, from the input event in the browser.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

MOVE = """async ([weight, kind]) => {
    const panel = () => document.querySelectorAll(".panel")[1];
    const marks = { answer: ".answer", theatre: ".theatre", img: "img" };
    const mark = () => panel().querySelector(marks[kind]);
    const sign = () => (kind === "img" ? mark().src : mark().dataset.round), old = sign();
    const here = () => sign() !== old && { answer: () => rsoupAnswers["chosen λ"] !== "",
        theatre: () => Number(mark().dataset[films ? "filmed" : "steps"]) > 0,
        img: () => !mark().classList.contains("old") }[kind]();
    const films = mark().dataset.filmed > 0;
    const whole = () => mark().dataset.ended === "true" && (!films || mark().dataset.filmed >= mark().dataset.steps);
    const slider = document.querySelector("input[type=range]");
    const until = async (true_) => {
        while (!true_() && performance.now() - begun < 20000) await new Promise(requestAnimationFrame);
        return performance.now() - begun;
    };
    slider.value = weight;
    const begun = performance.now();
    slider.dispatchEvent(new Event("input"));
    return [await until(here), await until(whole)];
}"""
KINDS = {"answer": ".answer", "theatre": ".theatre", "img": ".panel img[src]"}


def measure(page: Any, address: str, name: str, moves: int) -> dict[str, Any]:
    """Times of a run's page: to the first sign of the new λ, and until its panel is done."""
    page.goto(f"{address}run/{name}")
    page.locator(".panel").nth(2).wait_for(timeout=60_000)
    page.wait_for_function("() => !document.querySelector('.busy')", timeout=60_000)
    kind = next(kind for kind, shown in KINDS.items() if page.locator(shown).count())
    times = [page.evaluate(MOVE, [0.1 + 0.8 * (number % 7) / 7, kind]) for number in range(1, moves + 1)]
    firsts, wholes = zip(*times, strict=True)
    return {
        "run": name,
        "shows": kind,
        "first_median_ms": round(statistics.median(firsts)),
        "first_worst_ms": round(max(firsts)),
        "whole_median_ms": round(statistics.median(wholes)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--moves", type=int, default=15)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "rsoup_lightning", "explore", *options.runs, "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split()[1]
        with sync_playwright() as playwright:
            chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page()
            rows = []
            for run in options.runs:
                rows.append(measure(page, address, Path(run).name, options.moves))
                print(rows[-1], flush=True)
            browser.close()
    finally:
        server.terminate()
        server.wait()
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    print(json.dumps({"name": "explore_latency", "unit": "ms", "load": os.getloadavg()[0], "rows": rows}))


if __name__ == "__main__":
    main()
