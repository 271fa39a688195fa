"""``rsoup explore``: its options, and the page that it serves."""

from __future__ import annotations

from urllib.parse import quote

from jsonargparse import ArgumentParser

from rsoup_lightning.optional import need
from rsoup_lightning.run.recipes.parsing import parse

DESCRIPTION = """A live page of runs in the browser: their fronts to hover and click, λ to move, and the policy there
answers, draws or runs now. Nothing is asked of other machines. It ends with Ctrl+C."""


def explore_command(arguments: list[str]) -> int:
    """``rsoup explore``."""
    options = parse(_parser(), arguments)
    need("nicegui", "NiceGUI", "explore")
    from rsoup_lightning.explorer.access import check_access
    from rsoup_lightning.explorer.app import application, serve_pages
    from rsoup_lightning.explorer.shelf import shelve
    from rsoup_lightning.serving.hosts import hosts_of
    from rsoup_lightning.serving.server import address, bind

    check_access(options.host, options.token, options.no_auth)
    hosts = hosts_of(options.host, options.allowed_hosts, options.token)
    shelf = shelve(options.runs)
    token = "" if options.token is None else f"?token={quote(options.token, safe='')}"
    app = application(shelf, options.token, hosts)
    with bind(options.host, options.port) as bound:
        where = f"{address(bound)}/{token}"
        serve_pages(app, bound, lambda: print(f"open {where} in a browser; Ctrl+C ends it", flush=True))
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="rsoup explore", description=DESCRIPTION, exit_on_error=False)
    parser.add_argument("runs", type=str, nargs="+", help="run folders of rsoup soup, or folders that hold such")
    parser.add_argument("--host", type=str, default="127.0.0.1", help="where to listen (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8080, help="0 takes any free one (default: 8080)")
    token = "lets in only who has it, in the address (?token=...)"
    parser.add_argument("--token", type=str | None, default=None, help=token)
    parser.add_argument("--no_auth", action="store_true", help="let everybody in, also from other machines")
    hosts = "without a token: names beside its address and localhost that it is asked by, as of a proxy"
    parser.add_argument("--allowed_hosts", type=str, nargs="+", help=hosts)
    return parser
