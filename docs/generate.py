"""Writes ``docs/reference/``: settings, topics, records, metrics and commands, each from the code that defines it.

``python docs/generate.py`` (``make docs``) writes the pages; with ``--check`` it writes nothing and ends with 1 when
one of them is not what the code says. ``tests/docs`` checks them, too.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from streams import topics
from streams.cli import cli
from streams.commands.options import explained_settings
from streams.events import asyncapi
from streams.metrics import catalogue
from streams.settings import ENV_PREFIX, Settings

REFERENCE = Path(__file__).parent / "reference"
SETTINGS_SOURCES = [
    Path(__file__).parents[1] / "streams" / name
    for name in ("settings.py", "security/settings.py", "gateway/settings.py")
]
HEAD = "# {title}\n\n*Written by `make docs` from {source}: do not edit.*\n\n"
Schema = dict[str, Any]


def cell(text: object) -> str:
    """Text as a cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def table(names: tuple[str, ...], rows: Iterator[tuple[object, ...]] | list[tuple[object, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(names) + " |", "| " + " | ".join("---" for _ in names) + " |"]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def groups() -> list[tuple[str, list[str]]]:
    """The sections of the settings' files with the fields in each, in order."""
    found: list[tuple[str, list[str]]] = [("which Kafka", [])]
    for line in "".join(source.read_text() for source in SETTINGS_SOURCES).splitlines():
        section = re.match(r"    # --- ([^-]+?)(?: -+)?$", line)
        field = re.match(r"    ([a-z_]+): .* = ", line)
        if section:
            found.append((section[1].strip(), []))
        elif field:
            found[-1][1].append(f"{ENV_PREFIX}{field[1].upper()}")
    return found


def settings_page() -> str:
    """Every setting with its default, by section."""
    explained = {name: (default, meaning) for name, default, meaning in explained_settings()}
    page = HEAD.format(title="Settings", source="`streams/settings.py`")
    page += "Each is an environment variable, and an option of that name where a command offers one.\n"
    for title, names in groups():
        rows = [(f"`{name}`", f"`{explained[name][0]}`" if explained[name][0] else "", explained[name][1])
                for name in names if name in explained]  # fmt: skip
        if rows:
            page += f"\n## {title[0].upper()}{title[1:]}\n\n" + table(
                ("variable", "default", "meaning"), rows
            )
    return page


def topics_page() -> str:
    """Every topic: key, how it is kept, what it holds."""
    settings = Settings()
    described = set(asyncapi.schemas(settings))
    rows = [
        (
            f"[`{topic.name}`](records.md#{topic.name})" if topic.name in described else f"`{topic.name}`",
            topic.key,
            "compacted" if topic.compacted else "by time",
            topic.content,
        )
        for topic in topics.catalogue(settings)
    ]
    page = HEAD.format(title="Topics", source="`streams/topics.py`")
    page += (
        "With the default `FLYWHEEL_APP_ID`. `flywheel topics create` makes them, `topics check` looks.\n\n"
    )
    return page + table(("topic", "key", "kept", "what is in it"), rows)


def kind(schema: Schema) -> str:
    """The type of a value in words."""
    if "$ref" in schema:
        return f"`{str(schema['$ref']).rpartition('/')[2]}`"
    if "anyOf" in schema:
        return " or ".join(kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items') or {})}"
    return str(schema.get("type", "anything"))


def fields_of(schema: Schema) -> str:
    """The table of an object's fields."""
    required = set(schema.get("required", ()))
    return table(
        ("field", "type", "needed", "meaning"),
        [
            (f"`{name}`", kind(field), "yes" if name in required else "", field.get("description", ""))
            for name, field in schema.get("properties", {}).items()
        ],
    )


def records_page() -> str:
    """The fields of every record of every topic."""
    page = HEAD.format(title="Records", source="the structs in `streams/events/`")
    page += "`flywheel schema` prints the same as JSON Schema, `flywheel schema --asyncapi` as AsyncAPI.\n"
    for topic, schema in asyncapi.schemas(Settings()).items():
        page += f"\n## {topic}\n"
        if schema.get("description"):
            page += f"\n{cell(schema['description'])}\n"
        if "properties" in schema:
            page += "\n" + fields_of(schema)
        for name, part in schema.get("$defs", {}).items():
            if "properties" in part:
                page += f"\n### {name} ({topic})\n\n{cell(part.get('description', ''))}\n\n" + fields_of(part)
    return page


def metrics_page() -> str:
    """Every metric of a worker."""
    metrics = [value for value in vars(catalogue).values() if isinstance(value, catalogue.Metric)]
    rows = [(f"`{m.name}`", m.kind, ", ".join(f"`{label}`" for label in m.labels), m.why) for m in metrics]
    page = HEAD.format(title="Metrics", source="`streams/metrics/catalogue.py`")
    page += "A worker serves them at `/metrics` (port 9464).\n\n"
    return page + table(("metric", "kind", "labels", "why"), rows)


def commands_of(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it."""
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from commands_of(command.commands[name], f"{path} {name}")


def commands_page() -> str:
    """The help text of every command."""
    page = HEAD.format(title="Commands", source="the commands' own help")
    for path, command in commands_of(cli, "flywheel"):
        # The names as `cli` has them: click remembers the help option of a command from its first use.
        context = click.Context(
            command,
            info_name=path,
            max_content_width=110,
            terminal_width=110,
            help_option_names=cli.context_settings["help_option_names"],
        )
        text = command.get_help(context)
        text = text.split("\nSettings (environment variables):")[0]  # they have a page of their own
        page += f"\n## {path}\n\n```text\n{text.rstrip()}\n```\n"
    return page


PAGES = {
    "settings.md": settings_page,
    "topics.md": topics_page,
    "records.md": records_page,
    "metrics.md": metrics_page,
    "commands.md": commands_page,
}


def main() -> None:
    """Write the pages, or check them."""
    stale = []
    for name, write in PAGES.items():
        path, text = REFERENCE / name, write()
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
    if "--check" in sys.argv and stale:
        sys.exit(f"not what the code says: {', '.join(stale)}; run make docs")


if __name__ == "__main__":
    main()
