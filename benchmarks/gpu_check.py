"""Is a GPU used well? Eight minutes at most, without weights or data: models are made on the spot.

Llamas of 135 million and of a billion parameters, in bfloat16 where the GPU computes in it: a GRPO step against TRL's,
a sweep of 11 λ against λ by λ, and a server's tokens per second against PEFT's adapters exchanged. A denoiser of Stable
Diffusion's size: a DDPO step against its bare passes. PPO on HalfCheetah: the simulator on the GPU, by MuJoCo Warp, or
in threads of the CPU, by envpool. Each is measured in a process of its own, ours and the peer in turns, and ends in a
JSON line; a table ends all. Where a package is not installed (extras ``bench``, ``warp``), a line says so.

    python benchmarks/gpu_check.py            on a machine with a GPU
    python benchmarks/gpu_check.py --tiny     the same of tiny models, on a CPU

The status is 1 if something could not be measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cases import Case, write_model
from timing import Rounds, in_turns, report

LIMIT = 480  # seconds for everything
PEERS = {"rl_step": "trl", "sweep": "peft", "serving": "peft", "diffusion_step": "diffusers", "ppo": "mujoco_warp"}
TINY: dict[str, Any] = {
    "shapes": ["tiny"],
    "language": {"device": "cpu", "prompts": 2, "completions": 2, "tokens": 4, "clients": 2},
    "pictures": {"device": "cpu", "prompts": 2, "completions": 2, "steps": 2},
    "simulators": {"device": "cpu", "horizon": 4, "rollouts": 1, "warp": 2, "envpool": 2},
    "rounds": 1,
}
REAL: dict[str, Any] = {
    "shapes": ["135M", "1B"],
    "language": {"device": "cuda", "prompts": 16, "completions": 8, "tokens": 64, "clients": 32},
    "pictures": {
        "device": "cuda",
        "prompts": 4,
        "completions": 2,
        "steps": 8,
        "image_size": 512,
        "channels": [320, 640, 1280, 1280],
        "vae_channels": [128, 256, 512, 512],
        "layers": 2,
        "text_width": 768,
    },
    "simulators": {"device": "gpu", "horizon": 64, "rollouts": 8, "warp": 4096, "envpool": 256},
    "rounds": 3,
}


def measure(question: str, name: str, settings: dict[str, Any], rounds: int) -> None:
    """Answer one question in this process, and end in its line."""
    counted = Rounds(rounds, LIMIT / 8)
    if question == "diffusion_step":
        import diffusion_throughput

        pictures = diffusion_throughput.Pictures(**settings)
        report(name, "images/s", diffusion_throughput.measure(pictures, counted))
        return
    if question == "ppo":
        from locomotion_throughput import Backend, ours

        backends: tuple[Backend, Backend] = ("warp", "envpool")
        copies = {backend: settings.pop(backend) for backend in backends}
        on_gpu, on_cpu = (partial(ours, backend, copies[backend], **settings) for backend in backends)
        figures = in_turns(on_gpu, on_cpu, counted)
        report(name, "training steps/s", figures)
        return
    case = Case(**settings)
    if question == "rl_step":
        import text_throughput

        report(name, "steps/1000 s", text_throughput.measure(case, counted))
    elif question == "sweep":
        import text_sweep

        report(name, "tokens/s", text_sweep.measure(case, counted))
    else:
        import serve_throughput

        result, more = serve_throughput.measure(case, counted)
        report(name, "tokens/s", result, **more)


def ask(question: str, name: str, settings: dict[str, Any], rounds: int, seconds: float) -> dict[str, Any] | str:
    """The line of one question, or why there is none."""
    if find_spec(PEERS[question]) is None:
        return f"left out: {PEERS[question]} is not installed"
    command = [sys.executable, "-W", "ignore", __file__, "--one", json.dumps([question, name, settings, rounds])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(seconds, 1), check=False)
    except subprocess.TimeoutExpired:
        return f"failed: not done after {seconds:.0f} s"
    if done.returncode:
        return f"failed: {(done.stderr.strip().splitlines() or [f'status {done.returncode}'])[-1]}"
    print(done.stdout, end="", flush=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Ask all, and print the table."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="tiny models, on a CPU")
    parser.add_argument("--one", help="used by the script itself: one question, as JSON")
    given = parser.parse_args()
    if given.one:
        measure(*json.loads(given.one))
        return
    import torch

    if not given.tiny and not torch.cuda.is_available():
        sys.exit("no GPU is at hand: --tiny measures tiny models on a CPU")
    wanted, end = TINY if given.tiny else REAL, time.monotonic() + LIMIT
    answers: dict[str, dict[str, Any] | str] = {}
    with tempfile.TemporaryDirectory() as folder:
        questions = [
            ("diffusion_step", "diffusion_step", wanted["pictures"]),
            ("ppo", "ppo", wanted["simulators"]),
        ]
        for shape in wanted["shapes"]:
            base = write_model(Path(folder, shape), shape)
            questions += [(each, f"{each}_{shape}", {**wanted["language"], "base": base}) for each in PEERS][:3]
        for question, name, settings in questions:
            answers[name] = ask(question, name, settings, wanted["rounds"], end - time.monotonic())
    print(f"\n{'':<22}{'ours':>12}{'peer':>12}{'ratio':>8}")
    for name, answer in answers.items():
        if isinstance(answer, str):
            print(f"{name:<22}{answer}")
        else:
            print(
                f"{name:<22}{answer['ours']:>12,.1f}{answer['peer']:>12,.1f}{answer['ratio']:>8.2f}  {answer['unit']}"
            )
    sys.exit(any(isinstance(answer, str) and answer.startswith("failed") for answer in answers.values()))


if __name__ == "__main__":
    main()
