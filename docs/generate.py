"""Pages of the reference that the code itself writes: into ``generated/``, at each build."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from importlib.resources import files
from io import StringIO
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

from jsonargparse import ArgumentParser
from sphinx.application import Sphinx

import rsoup_lightning
import tasks
from rsoup_lightning import registry
from rsoup_lightning.__main__ import COMMANDS, LIGHTNING, main
from rsoup_lightning.modalities.control.playing import Acting
from rsoup_lightning.modalities.diffusion.playing import Drawing
from rsoup_lightning.modalities.vision_language.playing import Describing
from rsoup_lightning.run.recipes.recipe_parser import fine_tuner_class, recipe_parser
from rsoup_lightning.serving.call_routes import call_routes
from rsoup_lightning.serving.openapi import document
from rsoup_lightning.serving.status_routes import status_routes
from rsoup_lightning.serving.text_routes import text_routes

KINDS = {
    "Language models": (text_routes, ()),
    "Captioners": (call_routes, (Describing,)),
    "Denoisers": (call_routes, (Drawing,)),
    "Control": (call_routes, (Acting,)),
}
"""What a server plays, and what makes its routes."""
PACKAGES = (rsoup_lightning, tasks)
SCRIPTS = "generated/scripts"
"""A copy of ``tutorials/``, where they run and leave what they write."""
TUTORIALS = "generated/tutorials"
"""What they become."""
WIDTH = "100"
"""Characters of a line of help."""


def write_pages(app: Sphinx) -> None:
    """Write all of them, and copy the tutorials; what stays as it was is not touched, so that it is not read again."""
    folder = Path(app.srcdir) / "generated"
    pages = {
        **python_pages(),
        **command_pages(),
        "recipes.md": recipe_page(),
        "front.md": front_page(),
        "http.md": http_page(),
        "models.md": models_page(Path(app.srcdir) / "models.json"),
        **openapi_files(),
    }
    for name, text in pages.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
    for file in folder.rglob("*.*"):
        if file.relative_to(folder).as_posix() not in pages and Path(app.srcdir, TUTORIALS) not in file.parents:
            file.unlink()
    shutil.rmtree(Path(app.srcdir, SCRIPTS), ignore_errors=True)
    shutil.copytree(Path(app.srcdir, "tutorials"), Path(app.srcdir, SCRIPTS), ignore=shutil.ignore_patterns("runs"))


def modules() -> dict[str, list[str]]:
    """Every package, and the names of its public modules."""
    rooms: dict[str, list[str]] = {}
    for package in PACKAGES:
        rooms[package.__name__] = []
        for found in walk_packages(package.__path__, f"{package.__name__}."):
            room, _, module = found.name.rpartition(".")
            if found.ispkg:
                rooms[found.name] = []
            elif not module.startswith("_"):
                rooms[room].append(found.name)
    return rooms


def python_pages() -> dict[str, str]:
    """A page for each package, with what is in its modules."""
    return {
        f"python/{room}.rst": "\n".join([_heading(room, "="), _automodule(room, "no-members"), *map(_section, names)])
        for room, names in modules().items()
    }


def _section(module: str) -> str:
    return f"{_heading(module.rpartition('.')[2], '-')}\n{_automodule(module)}"


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _automodule(name: str, *options: str) -> str:
    return "\n".join([f".. automodule:: {name}", *(f"   :{option}:" for option in options), ""])


def command_pages() -> dict[str, str]:
    """A page for each command: what its ``--help`` says."""
    return {f"commands/{command}.md": "\n".join(_command_page(command)) for command in COMMANDS}


def _command_page(command: str) -> Iterator[str]:
    yield f"# rsoup {command}\n"
    yield f"{COMMANDS[command][0].upper()}{COMMANDS[command][1:]}.\n"
    arguments = [command, "--help"]
    if command in ("soup", *LIGHTNING):
        yield "The options `--model...` are those of the task; [recipe keys](../recipes.md) has those of every task.\n"
        arguments[1:1] = ["--task", "locomotion"]
    yield f"```text\n$ rsoup {' '.join(arguments)}\n{_printed(arguments)}```\n"


def _printed(arguments: list[str]) -> str:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDTH
    try:
        with redirect_stdout(StringIO()) as stream, suppress(SystemExit):
            main(arguments)
    finally:
        os.environ.pop("COLUMNS")
        os.environ |= {} if before is None else {"COLUMNS": before}
    return stream.getvalue()


def recipe_page() -> str:
    """The keys of recipes: those of all tasks, and those of each task's model."""
    parts = ["# Recipe keys\n"]
    parts.append("A recipe is a YAML file. A key such as `soup.grid` is `grid` under `soup`; on the command line it is")
    parts.append("`--soup.grid`. `trainer` takes the arguments of Lightning's Trainer.\n")
    parts += ["## Every recipe\n", *_keys(recipe_parser(None), ("task", "seed_everything", "soup."))]
    for name in registry.tasks():
        parts += [f"\n## The model of {name}\n", *_keys(recipe_parser(fine_tuner_class(name)), ("model.",))]
    return "\n".join([*parts, ""])


def _keys(parser: ArgumentParser, wanted: tuple[str, ...]) -> Iterator[str]:
    """Rows of a table: the keys of a parser that begin with one of ``wanted``."""
    yield "| key | default | what it is |\n| --- | --- | --- |"
    for action in parser._actions:
        if action.dest.startswith(wanted) and not action.dest.endswith(".help") and action.dest.strip(".") != "soup":
            yield f"| `{action.dest}` | {_cell(_default(action.default))} | {_cell(action.help or '')} |"


def _default(value: Any) -> str:
    if isinstance(value, dict | list | tuple) and not value:
        return "none"
    return "null" if value is None else f"`{value}`"


def _cell(text: str) -> str:
    """Text in a table of Markdown; what looks like a tag or a role is meant as it stands."""
    for mark in ("|", "<", "*", "_", "["):
        text = text if text.startswith("`") else text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def front_page() -> str:
    """The JSON schema of front.json."""
    schema = json.loads((files(rsoup_lightning) / "front" / "front.schema.json").read_text())
    return f"# The schema of front.json\n\n{schema['description']}\n\n```json\n{json.dumps(schema, indent=2)}\n```\n"


def openapi_documents() -> dict[str, dict[str, Any]]:
    """By what a server plays, what FastAPI says of its routes, which are never called here."""
    version, unused = rsoup_lightning.__version__, None
    status = status_routes(unused, unused, unused, unused, 0)
    return {
        kind: document(f"rsoup serve: {kind.lower()}", version, status, make(unused, *arguments))
        for kind, (make, arguments) in KINDS.items()
    }


def openapi_files() -> dict[str, str]:
    """The OpenAPI document of each kind of server."""
    return {
        _openapi_name(kind): f"{json.dumps(found, indent=2, ensure_ascii=False)}\n"
        for kind, found in openapi_documents().items()
    }


def _openapi_name(kind: str) -> str:
    return f"openapi-{kind.lower().replace(' ', '-')}.json"


def http_page() -> str:
    """What servers answer, by their OpenAPI documents."""
    documents = openapi_documents()
    shared = set.intersection(*(set(each["paths"]) for each in documents.values()))
    answers = [f"| `{path}` | {documents['Control']['paths'][path]['get']['description']} |" for path in sorted(shared)]
    parts = [
        "# Routes and requests\n",
        "A field that is not here is refused by name, or must have the value that changes nothing.\n",
        "## Every server\n",
        "| path | answers |\n| --- | --- |",
        *answers,
    ]
    for kind, each in documents.items():
        parts.append(f"\n## {kind}\n\nAs OpenAPI: {{download}}`{_openapi_name(kind)}`.")
        for path in each["paths"].keys() - shared:
            parts += _operation(path, each["paths"][path]["post"], each["components"]["schemas"])
    return "\n".join([*parts, ""])


def models_page(file: Path) -> str:
    """What works for which model: the table that the tests hold true."""
    parts = ["# What works for which model\n"]
    for title, section in json.loads(file.read_text(encoding="utf-8")).items():
        parts += [f"\n## {title}\n", f"{section['about']}\n"]
        parts.append(f"| model | class | {' | '.join(section['columns'].values())} |")
        parts.append("| --- " * (len(section["columns"]) + 2) + "|")
        for name, row in section["models"].items():
            said = ["yes" if row[column] is True else f'refused: "{row[column]}"' for column in section["columns"]]
            parts.append(f"| {name} | `{row['class']}` | {' | '.join(said)} |")
    return "\n".join([*parts, ""])


def _operation(path: str, operation: dict[str, Any], components: dict[str, Any]) -> Iterator[str]:
    """A section on one route that takes a body."""
    yield f"\n### POST {path}\n\n{operation['description']}\n\n| field | is | default |\n| --- | --- | --- |"
    body = _component(operation["requestBody"]["content"]["application/json"]["schema"], components)
    for name, field in body["properties"].items():
        default = "required" if name in body.get("required", []) else f"`{json.dumps(field.get('default'))}`"
        yield f"| `{name}` | {_cell(_shape(field, components))} | {default} |"
    if body["x-not-offered"]:
        yield f"\nOf OpenAI's, not offered: {', '.join(f'`{name}`' for name in body['x-not-offered'])}."


def _component(reference: dict[str, str], components: dict[str, Any]) -> dict[str, Any]:
    return components[reference["$ref"].rpartition("/")[2]]


def _shape(field: dict[str, Any], parts: dict[str, Any]) -> str:
    """A type of JSON schema in words."""
    if "anyOf" in field:
        return " or ".join(_shape(choice, parts) for choice in field["anyOf"])
    if "$ref" in field:
        part = _component(field, parts)["properties"]
        return "{" + ", ".join(f"{name}: {_shape(inner, parts)}" for name, inner in part.items()) + "}"
    if "enum" in field or "const" in field:
        return " or ".join(map(str, field.get("enum", [field.get("const")])))
    if field.get("type") == "array" and field.get("items"):
        return f"list of {_shape(field['items'], parts)}"
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"names to {_shape(field['additionalProperties'], parts)}"
    limits = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above", "maxLength": "up to"}
    said = [f"{words} {float(field[key]):.12g}" for key, words in limits.items() if key in field]
    return ", ".join([field.get("description") or str(field.get("type", "any JSON")), *said])
