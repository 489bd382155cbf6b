"""`glcic-backend models`: the models of this user."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from glcic_backend.model_files import library as model_library
from glcic_backend.model_files.library import Entry
from glcic_backend.model_files.model_file import ModelInfo, load_model

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def command() -> None:
    """List, inspect, install and choose models.

    A model is named by its name in the list, or by the path of its file. The one chosen by `use` serves the daemon,
    from its next start, and every command without --model.
    """


@command.command("list")
@_JSON
def list_command(as_json: bool) -> None:
    """The model that comes with the program and the installed ones; * marks the one in use."""
    entries = model_library.list_models()
    if as_json:
        click.echo(json.dumps([_as_dict(entry) for entry in entries], indent=2))
        return
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        mark = "*" if entry.is_default else " "
        click.echo(f"{mark} {entry.name:{width}}  {entry.info.recipe if entry.info else f'damaged: {entry.problem}'}")


@command.command()
@click.argument("model", metavar="[NAME|FILE]", required=False)
@_JSON
def info(model: str | None, as_json: bool) -> None:
    """What a model says about itself, after its weights are verified; without NAME the one in use."""
    path = model_library.resolve_model(model)
    stated = load_model(path).info
    if as_json:
        click.echo(json.dumps({"path": str(path), **asdict(stated)}, indent=2))
    else:
        click.echo(_describe(path, stated))


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Name to give it.  [default: that of the file]")
@click.option("--use", "use_it", is_flag=True, help="Use it from now on, as `models use` does.")
def import_command(file: Path, name: str | None, use_it: bool) -> None:
    """Install the model in FILE: a .safetensors file of this program, or a Torch7 file (.t7).

    Torch7 files are the form in which the authors of the paper publish their networks, under their own licence. They
    are converted; nothing in them is executed.
    """
    entry = model_library.import_model(file, name)
    click.echo(f"{entry.name} is installed as {entry.path}.")
    if entry.info is not None:
        click.echo(f"Licence: {entry.info.licence}")
    if use_it:
        _use(entry.name)
    else:
        click.echo(f"Use it with: glcic-backend models use {entry.name}")


@command.command()
@click.argument("name")
def use(name: str) -> None:
    """Make the model NAME the one in use; "shipped" is the one that comes with the program."""
    _use(name)


@command.command()
@click.argument("name")
def remove(name: str) -> None:
    """Delete the installed model NAME."""
    model_library.remove_model(name)
    click.echo(f"{name} is removed.")


def _use(name: str) -> None:
    model_library.use_model(name)
    click.echo(f"{name} is in use. A running daemon keeps its model until it is started again.")


def _as_dict(entry: Entry) -> dict[str, object]:
    return {**asdict(entry), "path": str(entry.path)}


def _describe(path: Path, stated: ModelInfo) -> str:
    red, green, blue = stated.mean_pixel
    smallest, largest = stated.hole_range
    rows = {
        "name": stated.name,
        "file": f"{path} ({path.stat().st_size / 1e6:.1f} MB)",
        "architecture": f"{stated.architecture}, positions repeat every {stated.size_multiple} pixels",
        "mean pixel": f"RGB {red:.4f} {green:.4f} {blue:.4f}",
        "trained holes": f"{smallest} to {largest} pixels a side, {', '.join(stated.mask_kinds)}",
        "training data": stated.training_data,
        "recipe": stated.recipe,
        "licence": stated.licence,
        "attribution": stated.attribution,
        "written by": stated.created_with,
        "sha256": stated.sha256,
    }
    return "\n".join(f"{label + ':':15} {text}" for label, text in rows.items())
