"""Is merging as fast as the disk and as small as it can be? Against mergekit's linear, and against copying the bytes.

Llama-shaped bf16 folders made on the spot, 0.5 GB per expert in shards. Every measurement is a process of its own:
``call`` is the merge inside one, ``command`` is ``rsoup merge`` and ``mergekit-yaml`` from their start to their end.
Needs the extra ``bench``, and Linux, which tells a process its own peak memory.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from timing import Rounds, report

ROUNDS = 5
MIB = 2**20
BLOCK = 4 * MIB

MAKE = """
import sys, torch
from transformers import LlamaConfig, LlamaForCausalLM
folder, seed, layers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.manual_seed(seed)
config = LlamaConfig(hidden_size=1024, intermediate_size=2816, num_hidden_layers=layers, num_attention_heads=16,
                     num_key_value_heads=4, vocab_size=32000)
LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder, max_shard_size="200MB")
"""
OURS = """
import sys, time
from rsoup_lightning.merging.on_disk import merge
output, *experts = sys.argv[1:]
start = time.perf_counter()
merge(experts, output, [1 / len(experts)] * len(experts))
seconds = time.perf_counter() - start
"""
PEER = """
import sys, time
from mergekit.config import MergeConfiguration
from mergekit.merge import MergeOptions, run_merge
output, *experts = sys.argv[1:]
models = [{"model": path, "parameters": {"weight": 1 / len(experts)}} for path in experts]
start = time.perf_counter()
config = MergeConfiguration.model_validate({"models": models, "merge_method": "linear", "dtype": "bfloat16"})
run_merge(config, output, MergeOptions(copy_tokenizer=False, quiet=True))
seconds = time.perf_counter() - start
"""
TELL = """
print(seconds, next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@dataclass(frozen=True)
class Cost:
    """Seconds of the merge in a process, seconds of the command, peak resident memory of the process in MiB."""

    call: float
    command: float
    memory: float


def call(code: str, *arguments: str) -> tuple[float, float]:
    """Run Python code that sets ``seconds`` in a process of its own: these seconds, and its peak memory in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", code + TELL, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    seconds, peak = done.stdout.split()[-2:]
    return float(seconds), float(peak) / 1024


def command(*arguments: str) -> float:
    """Seconds of a command that is installed beside this Python."""
    program = Path(sys.executable).parent / arguments[0]
    start = time.perf_counter()
    subprocess.run([program, *arguments[1:]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def ours(output: Path, experts: list[Path]) -> Cost:
    """By this library."""
    seconds, memory = call(OURS, str(output), *map(str, experts))
    subprocess.run(["rm", "-r", str(output)], check=True)
    shares = [str(1 / len(experts))] * len(experts)
    merge = ["rsoup", "merge", "--experts", *map(str, experts), "--coefficients", *shares, "--output", str(output)]
    return Cost(seconds, command(*merge), memory)


def peer(output: Path, experts: list[Path]) -> Cost:
    """By mergekit."""
    seconds, memory = call(PEER, str(output), *map(str, experts))
    subprocess.run(["rm", "-r", str(output)], check=True)
    models = [{"model": str(path), "parameters": {"weight": 1 / len(experts)}} for path in experts]
    recipe = output.with_suffix(".yaml")
    recipe.write_text(json.dumps({"models": models, "merge_method": "linear", "dtype": "bfloat16"}))
    return Cost(seconds, command("mergekit-yaml", str(recipe), str(output), "--no-copy-tokenizer", "--quiet"), memory)


def copy(experts: list[Path], output: Path) -> float:
    """Seconds to read what a merge reads and write what it writes, without arithmetic."""
    start = time.perf_counter()
    output.mkdir()
    for expert in experts:
        for shard in sorted(expert.glob("*.safetensors")):
            target = output / shard.name if expert == experts[0] else Path(os.devnull)
            with shard.open("rb", buffering=0) as source, target.open("wb", buffering=0) as sink:
                buffer = memoryview(bytearray(BLOCK))
                while count := source.readinto(buffer):
                    if expert == experts[0]:
                        sink.write(buffer[:count])
    return time.perf_counter() - start


def largest_difference(ours: Path, peer: Path) -> float:
    """Largest difference of any number, in units of bf16 rounding (2^-8 of its size)."""
    theirs = {}
    for shard in peer.glob("*.safetensors"):
        with safe_open(shard, "pt") as file:
            theirs |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
    worst = 0.0
    for shard in ours.glob("*.safetensors"):
        with safe_open(shard, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                mine, other = file.get_tensor(name).float(), theirs[name].float()
                worst = max(worst, ((mine - other).abs() / (other.abs() * 2**-8 + 1e-12)).max().item())
    return worst


def compare(folder: Path, experts: list[Path], rounds: Rounds) -> dict[str, float]:
    """Both contestants and the copy, in turns."""
    costs: list[tuple[Cost, Cost, float]] = []
    for index in rounds:
        mine = ours(folder / f"ours{index}", experts)
        theirs = peer(folder / f"peer{index}", experts)
        copied = copy(experts, folder / f"copy{index}")
        if index == 0:
            difference = largest_difference(folder / "ours0", folder / "peer0")
        else:  # the first round warms the disk's cache
            costs.append((mine, theirs, copied))
            print(
                f"  call {mine.call:.2f} s, {theirs.call:.2f} s   command {mine.command:.2f} s, {theirs.command:.2f} s"
                f"   memory {mine.memory:,.0f}, {theirs.memory:,.0f} MiB   copy {copied:.2f} s"
            )
        for name in ("ours", "peer", "copy"):
            subprocess.run(["rm", "-r", str(folder / f"{name}{index}")], check=True)

    def median(value: Callable[[Cost, Cost, float], float]) -> float:
        return statistics.median(value(*measured) for measured in costs)

    return {
        "ours": median(lambda mine, theirs, copied: mine.call),
        "peer": median(lambda mine, theirs, copied: theirs.call),
        "ratio": median(lambda mine, theirs, copied: theirs.call / mine.call),
        "ratio_command": median(lambda mine, theirs, copied: theirs.command / mine.command),
        "memory_ratio": median(lambda mine, theirs, copied: theirs.memory / mine.memory),
        "share_of_copy": median(lambda mine, theirs, copied: copied / mine.call),
        "bf16_roundings": difference,
    }


def memory_by_size(folder: Path) -> list[float]:
    """Peak memory in MiB for models of 1, 2 and 4 times as many layers, the largest tensor being the same."""
    peaks = []
    for layers in (9, 18, 36):
        experts = [folder / f"size{layers}-{seed}" for seed in range(2)]
        for seed, expert in enumerate(experts):
            subprocess.run([sys.executable, "-c", MAKE, str(expert), str(seed), str(layers)], check=True)
        peaks.append(call(OURS, str(folder / f"merged{layers}"), *map(str, experts))[1])
        subprocess.run(["rm", "-r", *map(str, experts), str(folder / f"merged{layers}")], check=True)
    return peaks


def main() -> None:
    """Measure and print."""
    rounds = Rounds.asked(ROUNDS).share(0.3)  # of each number of experts; making them takes the rest
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        experts = [folder / f"expert{seed}" for seed in range(4)]
        for seed, expert in enumerate(experts):
            subprocess.run([sys.executable, "-c", MAKE, str(expert), str(seed), "18"], check=True)
        size = sum(shard.stat().st_size for shard in experts[0].glob("*.safetensors"))
        results = {}
        for count in (2, 4):
            print(f"{count} experts of {size / 1e9:.2f} GB: ours, then mergekit")
            results[count] = compare(folder, experts[:count], rounds)
        sizes = memory_by_size(folder)
    for count, result in results.items():
        print(f"\n{count} experts, medians: {json.dumps({key: round(value, 2) for key, value in result.items()})}")
    print(f"peak memory at 1, 2, 4 times the layers: {', '.join(f'{peak:,.0f} MiB' for peak in sizes)}")
    four = {f"{key}_4": value for key, value in results[4].items()}
    report("merge_speed", "s", results[2], **four, memory_growth=max(sizes) / min(sizes) - 1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
