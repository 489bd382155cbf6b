"""Makes docs/manual/glcic-backend.md and glcic-train.md: every command with its options, from the commands' own help.

`python -m tests.documents.make_reference` after a change of a command; a test compares the pages with the program.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

import glcic_backend.cli
import glcic_train.cli

MANUAL = Path(__file__).parents[2] / "docs" / "manual"

PROGRAMS: dict[str, tuple[click.Group, str]] = {
    "glcic-backend": (glcic_backend.cli.group, "[command-line.md](command-line.md) shows how they are used"),
    "glcic-train": (glcic_train.cli.group, "[training.md](training.md) shows how they are used"),
}


def page(program: str) -> str:
    """The page of a program."""
    group, guide = PROGRAMS[program]
    title = f"# All commands and options of `{program}`\n\n"
    return title + f"What `--help` says, made from the program itself. {guide}.\n" + "".join(_sections(group, program))


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    """A program and all its commands with their full names, as `glcic-backend models use`."""
    yield name, group
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


def _sections(group: click.Group, program: str) -> Iterator[str]:
    for name, command in commands(group, program):
        context = click.Context(command, info_name=name, **command.context_settings)
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        yield f"\n## `{name}`\n\n```\n{usage}\n```\n\n{_text(command.help or '')}\n"
        options = [option for option in command.get_params(context) if isinstance(option, click.Option)]
        records = [record for option in options if (record := option.get_help_record(context))]
        # That every command has --help need not be said each time.
        rows = [f"| `{_cell(names)}` | {_cell(text)} |\n" for names, text in records if "--help" not in names]
        if rows:
            yield "\n| option | meaning |\n|---|---|\n" + "".join(rows)


def _text(text: str) -> str:
    """A command's help as Markdown: paragraphs in one line each, what click must not rewrap as code."""
    paragraphs = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        kept = paragraph.startswith("\b\n")
        paragraphs.append(f"```\n{paragraph[2:]}\n```" if kept else " ".join(paragraph.split()))
    return "\n\n".join(paragraphs)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text)


def main() -> None:
    for program in PROGRAMS:
        path = MANUAL / f"{program}.md"
        path.write_text(page(program), encoding="utf-8")


if __name__ == "__main__":
    main()
