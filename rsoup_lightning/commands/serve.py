"""``rsoup serve``: its options, and a server from its start to its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonargparse import ArgumentParser

from rsoup_lightning.commands.merge import HelpFormatter
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.adapted import adapted
from rsoup_lightning.modalities.language.playing import Writing
from rsoup_lightning.modalities.language.running import RunningTexts
from rsoup_lightning.modalities.running_calls import RunningCalls
from rsoup_lightning.optional import need
from rsoup_lightning.playing.load import load
from rsoup_lightning.playing.run_front import RunFront
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.run.console.progress import listening, on_stderr
from rsoup_lightning.run.console.quiet import quiet
from rsoup_lightning.run.recipes.parsing import parse
from rsoup_lightning.serving.call_engine import CallEngine
from rsoup_lightning.serving.engine import Engine
from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.text_engine import TextEngine
from rsoup_lightning.simplex import LINEAR

if TYPE_CHECKING:  # with the extra only
    from starlette.types import ASGIApp

    from rsoup_lightning.serving.gate import Gate
    from rsoup_lightning.serving.points import Points

DESCRIPTION = """Serve a soup over HTTP, every request at its own λ and many at once, by OpenAI's interface:
/v1/models, and by what the experts do
  language models   /v1/completions, /v1/chat/completions
  captioners        /v1/chat/completions, with a picture as a data URI
  denoisers         /v1/images/generations
  control           /v1/act: {"observations": [[...], ...]} gives {"actions": [[...], ...]}
Also /health, /ready and /metrics.

A request gives λ as "coefficients", or a preference to look up on the front as "preference", or λ in the model's name
(review@liking=0.3,critic=0.7, or review@0.3,0.7). Its answer says in "rsoup" what was played. A line of JSON for
each request goes to the standard error."""
EXAMPLES = """examples:
  rsoup serve runs/review-smollm2
  rsoup serve runs/review-smollm2 --preference '{liking: 0.5, critic: 0.5}'    where a request says nothing
  rsoup serve --base MODEL --experts kind=LORA1 brief=LORA2 --name tuned
  RSOUP_API_KEY=... rsoup serve runs/review-smollm2 --host 0.0.0.0
  rsoup serve runs/review-smollm2 --engine vllm --url http://127.0.0.1:8001           before a vLLM that plays it

  curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' -d '
    {"coefficients": {"liking": 0.3, "critic": 0.7}, "messages": [{"role": "user", "content": "Hello"}]}'
"""
HOST, PORT, PATIENCE, MAX_CONNECTIONS = "127.0.0.1", 8000, 30.0, 512


def serve_command(arguments: list[str]) -> int:
    """``rsoup serve``; returns when a signal has ended it."""
    given = parse(_parser(), arguments, defaults=False).as_dict()
    for package in ("fastapi", "uvicorn", "prometheus_client", "httpx2"):
        need(package, package, "serve")
    from rsoup_lightning.serving.gate import Gate, key_of
    from rsoup_lightning.serving.hosts import hosts_of
    from rsoup_lightning.serving.server import Server, bind, url
    from rsoup_lightning.serving.watch import structured

    host, limits = given.get("host", HOST), Limits(**_of(Limits, given))
    queue = given.get("max_queue", signature(Engine).parameters["max_queue"].default)
    if limits.max_choices > queue:
        raise ConfigError(f"max_choices is {limits.max_choices}, and the queue holds {queue}: raise --max_queue")
    key = key_of(host, given.get("api_key"), "no_auth" in given, os.environ)
    gate = Gate(key, hosts_of(host, given.get("allowed_hosts"), key), given.get("max_connections", MAX_CONNECTIONS))
    opened = _gateway if given.get("engine") == "vllm" else _server
    with bind(host, given.get("port", PORT)) as bound, opened(given, limits, gate) as (app, points):
        line = f"serving {points.name} ({', '.join(points.experts)}) at {url(bound)}"
        with structured(on_stderr):
            Server(app, gate, given.get("patience", PATIENCE), lambda: print(line, flush=True)).run([bound])
    return 0


@contextmanager
def _server(given: Mapping[str, Any], limits: Limits, gate: Gate) -> Iterator[tuple[ASGIApp, Points]]:
    """The application around an engine of ours, which ends with the block."""
    from rsoup_lightning.serving.app import create_app
    from rsoup_lightning.serving.points import Points

    if "url" in given:
        raise ConfigError("--url is where vLLM listens: say --engine vllm, too")
    name, make = _source(given)
    on_stderr(f"loading {name} ...")
    with quiet(), listening(on_stderr):
        soup = make()
        points = Points(name, soup, given.get("coefficients"), given.get("preference"))
        engine = _engine(soup, given)
    try:
        yield create_app(engine, points, limits, gate, on_stderr), points
    finally:
        engine.close(patience=0)


@contextmanager
def _gateway(given: Mapping[str, Any], limits: Limits, gate: Gate) -> Iterator[tuple[ASGIApp, Points]]:
    """The application before a vLLM that plays the soup."""
    for option in given.keys() - OF_GATEWAY:
        raise ConfigError(f"--{option} is for our own engine: leave it out, or see what vLLM has for it")
    if "url" not in given:
        raise ConfigError("--engine vllm needs --url, where vLLM listens")
    from rsoup_lightning.serving.app import create_gateway
    from rsoup_lightning.serving.points import Points
    from rsoup_lightning.serving.vllm.upstream import RemoteSoup, Upstream, offered

    run, url, key = given.get("run"), given["url"], os.environ.get("VLLM_API_KEY")
    front = RunFront.load(run) if run is not None else None
    if front and front.mixing != LINEAR:
        raise ConfigError(f"vLLM averages weights, but {run} mixes its experts by {front.mixing}: leave out --engine")
    soup = RemoteSoup(offered(url, key, given.get("name", run and Path(run).resolve().name)), front)
    points = Points(soup.offered.name, soup, given.get("coefficients"), given.get("preference"))
    upstream = Upstream(url, key, soup.offered.keep, soup.offered.known)
    yield create_gateway(upstream, soup.offered.lattice, points, limits, gate, on_stderr), points


def _engine(soup: Soup, given: Mapping[str, Any]) -> TextEngine | CallEngine:
    """What plays a soup, by its modality.

    Raises:
        ConfigError: the experts cannot be served, or an option is for those of another modality.
    """
    if isinstance(soup.at({soup.experts[0]: 1.0}), Writing):
        return TextEngine(soup, **_of(Engine, given), **_of(RunningTexts, given))
    fitting = _of(RunningCalls, given)
    for option in [*_of(RunningTexts, given), *{"max_prompt_tokens"} & given.keys()]:
        if option not in fitting:
            raise ConfigError(f"--{option} is for language models, and these experts write no texts: leave it out")
    return CallEngine(soup, **_of(Engine, given), **fitting)


def _source(given: Mapping[str, Any]) -> tuple[str, Callable[[], Soup]]:
    """What to call the soup, and what loads it.

    Raises:
        ConfigError: neither a run nor a base with adapters, or what does not go with it.
    """
    run, base, experts = (given.get(name) for name in ("run", "base", "experts"))
    settings, device = _of(adapted, given), given.get("device")
    if run is not None:
        for option in ("base", "experts", *settings):
            if option in given:
                raise ConfigError(f"--{option} is for adapters that no run has made: leave it out, or the run {run}")
        return given.get("name", Path(run).resolve().name), lambda: load(run, seed=given.get("seed"), device=device)
    if base is None or experts is None:
        raise ConfigError("give the folder of a run, or --base MODEL and --experts kind=LORA1 brief=LORA2")
    if "seed" in given:
        raise ConfigError("--seed says whose experts to play of a run: leave it out")
    adapters = _adapters(experts)
    return given.get("name", Path(base).resolve().name), lambda: Soup.from_adapters(
        base, adapters, device=device, **settings
    )


def _adapters(experts: Sequence[str]) -> dict[str, str]:
    adapters: dict[str, str] = {}
    for expert in experts:
        name, equals, place = expert.partition("=")
        if not (name and equals and place):
            raise ConfigError(f"--experts {expert}: write it as NAME=FOLDER")
        if name in adapters:
            raise ConfigError(f"--experts names {name} twice")
        adapters[name] = place
    return adapters


def _of(what: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are parameters of a function or class."""
    return {name: given[name] for name in signature(what).parameters if name in given and name not in NOT_TYPED[what]}


NOT_TYPED: Mapping[Callable[..., Any], set[str | int]] = {
    adapted: {"base", "adapters"},
    RunningTexts: {"soup", "asking", "ends", "stops", "context", "max_new_tokens"},
    RunningCalls: {"soup", "play"},
    Engine: {"batch"},
    Limits: set(),
}
"""Where options are read off, and which of the parameters are none."""

OF_GATEWAY = {"run", "engine", "url", "name", "coefficients", "preference", "host", "port", "api_key", "no_auth"}
OF_GATEWAY |= {"allowed_hosts", "max_connections", "patience", "max_body", "timeout"}
"""Options that are also for a gateway to vLLM, which has limits of its own."""


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="rsoup serve",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=HelpFormatter,
        exit_on_error=False,
    )
    parser.add_argument("run", nargs="?", type=str, help="folder of a finished run, or one that rsoup pick wrote")
    seed = "whose experts to play, of a run with several seeds (default: the first)"
    parser.add_argument("--seed", type=int, help=seed)
    parser.add_argument("--base", type=str, help="instead of a run: a language model, hub name or folder")
    parser.add_argument(
        "--experts", nargs="+", type=str, help="its LoRA adapters as PEFT writes them, NAME=FOLDER each"
    )
    parser.add_function_arguments(adapted, as_group=False, skip=NOT_TYPED[adapted])
    parser.add_argument("--engine", type=Literal["own", "vllm"], default="own", help="vllm: a gateway to one")
    parser.add_argument("--url", type=str, help="where that vLLM listens, which has our plug-in")
    parser.add_argument("--device", type=str, help="where to play (default: a GPU where there is one)")
    parser.add_argument(
        "--name", type=str, help="of the model, for requests (default: that of the run's or base's folder)"
    )
    parser.add_argument("--coefficients", type=dict[str, float], help="λ where a request says nothing")
    parser.add_argument("--preference", type=dict[str, float], help="μ likewise, to look λ up on the run's front")
    parser.add_argument("--host", type=str, default=HOST, help="where to listen")
    parser.add_argument("--port", type=int, default=PORT, help="0: any that is free")
    key = "that requests must have; other users of this machine see it here, and not in RSOUP_API_KEY"
    parser.add_argument("--api_key", type=str, help=key)
    parser.add_argument("--no_auth", action="store_true", help="other machines need no key either")
    hosts = "names of this server where no key is asked for, beside addresses and localhost, as of a proxy before it"
    parser.add_argument("--allowed_hosts", nargs="+", type=str, help=hosts)
    connections = "while there are more, requests get 503"
    parser.add_argument("--max_connections", type=int, default=MAX_CONNECTIONS, help=connections)
    patience = "seconds for what runs when a signal stops the server; another signal ends it at once"
    parser.add_argument("--patience", type=float, default=PATIENCE, help=patience)
    for what in (RunningTexts, Engine, Limits):
        parser.add_class_arguments(what, as_group=False, skip=NOT_TYPED[what])
    return parser
