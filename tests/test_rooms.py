"""Imports between rooms go one way: docs/workshop/design.md shows the house, this holds the code to it."""

import ast
from pathlib import Path

import pytest

from .test_code_style import REPOSITORY, imported_by, modules

FLOORS = (
    ("wire",),
    ("errors",),
    ("atomic_file", "compiled", "threads"),
    ("scene", "installer"),
    ("network",),
    ("blending", "model_files"),
    ("detail",),
    ("context", "finish"),
    ("inpainter",),
    ("image_files", "daemon"),
    ("doctor", "measuring"),
    ("cli",),
)
"""The rooms of glcic_backend from the ground up. A room may import from the floors below its own, and from itself."""

TRAINER_FLOORS = (
    ("config",),
    ("data",),
    ("masks", "scores"),
    ("training",),
    ("evaluation",),
    ("experiments", "study"),
    ("cli",),
)
"""The same of glcic_train, which stands on glcic_backend."""


def room_of(path: Path, package: str) -> str:
    """The folder of the package that a module lies in, or the module itself if it stands in the hall."""
    parts = path.with_suffix("").parts
    return parts[parts.index(package) + 1]


def upward(package: str, floors: tuple[tuple[str, ...], ...], files: list[Path]) -> set[str]:
    """Imports within a package that do not go down, as "module -> imported"."""
    height = {room: floor for floor, rooms in enumerate(floors) for room in rooms}
    found = set()
    for file in files:
        mine = room_of(file, package)
        for name in imported_by(file):
            parts = name.split(".")
            if parts[0] != package or len(parts) < 2 or parts[1] in ("__version__", mine):
                continue
            if height[parts[1]] >= height[mine]:
                found.add(f"{file.relative_to(REPOSITORY).as_posix()} -> {name}")
    return found


def in_rooms(package: str, folder: str) -> list[Path]:
    """The modules of a package. Its face, `__init__` and `__main__`, stands before the house."""
    return [path for path in modules(folder) if path.parent.name != package or not path.name.startswith("__")]


@pytest.mark.parametrize(
    ("package", "folder", "floors"),
    [("glcic_backend", "glcic_backend", FLOORS), ("glcic_train", "train/glcic_train", TRAINER_FLOORS)],
    ids=["backend", "trainer"],
)
def test_no_room_imports_from_its_own_floor_or_from_above(
    package: str, folder: str, floors: tuple[tuple[str, ...], ...]
) -> None:
    assert upward(package, floors, in_rooms(package, folder)) == set()


def test_an_import_upward_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "glcic_backend" / "scene" / "example.py"
    module.parent.mkdir(parents=True)
    module.write_text("from glcic_backend.wire.geometry import Rectangle\nimport glcic_backend.installer.child\n")
    module.write_text(module.read_text() + "def later():\n    from glcic_backend import inpainter\n")
    for place in ("tests.test_code_style", __name__):
        monkeypatch.setattr(f"{place}.REPOSITORY", tmp_path)

    assert upward("glcic_backend", FLOORS, [module]) == {
        "glcic_backend/scene/example.py -> glcic_backend.installer.child",
        "glcic_backend/scene/example.py -> glcic_backend.inpainter",
    }


@pytest.mark.parametrize("module", modules("glcic_backend", "train"), ids=lambda path: path.stem)
def test_a_module_says_first_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))), f"{module} has no docstring"
