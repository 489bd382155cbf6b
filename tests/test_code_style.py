"""What holds for all code of the project."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
CODE = ("install.py", "glcic_backend", "train", "gimp_plugin", "tests")
MOST_LINES = 400


def modules(*parts: str) -> list[Path]:
    """All Python files of some parts of the repository."""
    paths = [REPOSITORY / part for part in parts]
    return sorted(file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py")))


def imported_by(module: Path) -> set[str]:
    """Full names of the modules that a module imports, wherever in it, relative ones resolved."""
    package = module.relative_to(REPOSITORY).parts[:-1]
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            # What comes from the package itself may be anything in it.
            names |= {f"{module}.{alias.name}" for alias in node.names} if module == "glcic_backend" else {module}
    return names


def run_tool(*command: str) -> None:
    """Run a tool on the repository; its complaints are the failure."""
    result = subprocess.run([sys.executable, "-m", *command], cwd=REPOSITORY, capture_output=True, text=True)
    if result.returncode:
        pytest.fail(f"{' '.join(command)}:\n{result.stdout}{result.stderr}", pytrace=False)


def test_ruff_has_no_complaint() -> None:
    run_tool("ruff", "check", "--no-cache", *(part for part in CODE if (REPOSITORY / part).exists()))


def test_mypy_strict_has_no_complaint_about_the_backend_and_the_installer() -> None:
    run_tool("mypy", "-p", "glcic_backend")
    run_tool("mypy", "install.py")


@pytest.mark.parametrize("module", modules("glcic_backend/wire"), ids=lambda path: path.stem)
def test_the_wire_package_stands_on_the_standard_library_alone(module: Path) -> None:
    # It is copied beside the plug-in, where nothing else of the project can be imported.
    foreign = {name for name in imported_by(module) if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("glcic_backend.wire")} == set()


def _sentences(module: Path) -> list[str]:
    """Texts of a module with a blank in them, docstrings left out; of an f-string what stands between its values."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    texts, parts = [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= {id(part) for part in node.values}
            texts.append("".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values))
        elif isinstance(node, ast.Expr):
            parts.add(id(node.value))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            texts.append(node.value)
    return [text for text in texts if " " in text]


@pytest.mark.parametrize(
    "module",
    [
        module
        for module in modules("glcic_backend")
        if not {"cli", "installer"} & set(module.relative_to(REPOSITORY / "glcic_backend").parts)
    ],
    ids=lambda path: str(path.relative_to(REPOSITORY / "glcic_backend")),
)
def test_what_the_library_advises_names_arguments_and_no_options_of_a_command_line(module: Path) -> None:
    # `max_pixels=` becomes --max-pixels where a command prints it (glcic_backend.errors). A whole command may be named.
    advice = [re.sub(r"`glcic-[^`]*`|`chmod [^`]*`|pip install [^`]*", "", text) for text in _sentences(module)]

    assert [text for text in advice if re.search(r"--[a-z]", text)] == []


@pytest.mark.parametrize("module", modules("glcic_backend/installer"), ids=lambda path: path.stem)
def test_the_installer_runs_before_anything_is_installed(module: Path) -> None:
    foreign = {name for name in imported_by(module) if name.partition(".")[0] not in sys.stdlib_module_names}
    allowed = ("installer", "wire", "errors", "atomic_file", "__version__")
    assert {
        name for name in foreign if not name.startswith(tuple(f"glcic_backend.{part}" for part in allowed))
    } == set()


def test_the_backend_never_imports_the_trainer() -> None:
    guilty = [path.name for path in modules("glcic_backend") if any("glcic_train" in n for n in imported_by(path))]
    assert guilty == []


def test_no_module_outgrows_what_one_sitting_can_read() -> None:
    lengths = {path.relative_to(REPOSITORY).as_posix(): len(path.read_text().splitlines()) for path in modules(*CODE)}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_import_rules_are_checked_on_resolved_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "glcic_backend" / "wire" / "example.py"
    module.parent.mkdir(parents=True)
    module.write_text("import numpy as np\nfrom .geometry import Rectangle\nfrom ..errors import GlcicError\n")
    module.write_text(module.read_text() + "from glcic_backend import __version__, inpainter\n")
    monkeypatch.setattr(sys.modules[__name__], "REPOSITORY", tmp_path)

    assert imported_by(module) == {
        "numpy",
        "glcic_backend.wire.geometry",
        "glcic_backend.errors",
        "glcic_backend.__version__",
        "glcic_backend.inpainter",
    }
