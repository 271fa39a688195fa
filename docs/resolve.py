"""References in docstrings, which name what they mean as one does in its module, and not by its whole path."""

from __future__ import annotations

import sys
from functools import cache
from pydoc import ErrorDuringImport, locate
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

OWN = ("rsoup_lightning", "tasks")


def make_strict(app: Sphinx, doctree: nodes.document) -> None:
    """Have Sphinx look for whole names only, and leave all others to :func:`resolve`, which does not guess."""
    for node in doctree.findall(pending_xref):
        if node.get("refdomain") == "py" and node.hasattr("refspecific"):  # whose value Sphinx does not look at
            del node["refspecific"]


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | nodes.TextElement | None:
    """What a reference to Python means: a name seen from its module, or the only public name that ends so.

    Names of other packages become plain text, as their manuals are not read; so do private names, and type annotations
    of what has no page. Anything else stays missing, which is an error.
    """
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].lstrip(".~")
    if (name := _meant(env, node, target)) is not None:
        entry = env.domains.python_domain.objects[name]
        return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, name)
    is_annotation = "refwarn" not in node
    return content if is_annotation or _is_foreign(target) or _found(target) is not None else None


def _meant(env: BuildEnvironment, node: pending_xref, target: str) -> str | None:
    domain = env.domains.python_domain
    module = node.get("py:module") or ""
    seen = [f"{place}.{target}" for place in (module.rpartition(".")[0], "rsoup_lightning")]
    owner = _found(f"{module}.{node.get('py:class')}")
    bases = owner.__mro__ if isinstance(owner, type) else ()
    seen += [f"{base.__module__}.{base.__qualname__}.{target}" for base in bases]
    for name in [*seen, *map(_home, [target, *seen])]:
        if name in domain.objects:
            return name
    kinds = domain.objtypes_for_role(node["reftype"]) or []
    ending = [
        name
        for name in _index(tuple(domain.objects)).get(target.rpartition(".")[2], [])
        if name.endswith(f".{target}") and domain.objects[name].objtype in kinds
    ]
    return ending[0] if len(ending) == 1 else None


@cache
def _index(names: tuple[str, ...]) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for name in names:
        index.setdefault(name.rpartition(".")[2], []).append(name)
    return index


@cache
def _found(name: str) -> Any:
    try:
        return locate(name) if name.startswith(OWN) else None
    except ErrorDuringImport:
        return None


def _home(name: str) -> str:
    """Where what a package exports is defined."""
    found = _found(name)
    return f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"


def _is_foreign(target: str) -> bool:
    """Whether a dotted name is of a package that is installed, and not ours."""
    top = target.partition(".")[0]
    return top not in OWN and "." in target and top in sys.modules


def keep_colons(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Napoleon takes what stands before a colon for the type of an attribute: end the line there."""
    if what in ("attribute", "data", "property") and lines and ": " in lines[0]:
        first, _, rest = lines[0].partition(": ")
        lines[:1] = [f"{first}:", rest]
