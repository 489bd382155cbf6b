"""The wire package works as a copy beside a GIMP plug-in: standard library only, from Python 3.9."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import glcic_backend.wire

FOLDER = Path(glcic_backend.wire.__file__).parent
MODULES = sorted(FOLDER.glob("*.py"))


def test_a_copy_works_in_a_python_without_any_package(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "copied_wire")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import copied_wire.client; "
        "print(sorted({'numpy', 'torch', 'zmq', 'glcic_backend'} & set(sys.modules)))"
    )

    # -I -S: neither this project nor any installed package can be found.
    result = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)

    assert (result.stdout.strip(), result.stderr) == ("[]", "")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_is_written_in_the_syntax_of_python_3_9(module):
    ast.parse(module.read_text(encoding="utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_nothing_but_the_standard_library_and_its_neighbours(module):
    imported = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(node.module.split(".")[0])

    assert imported <= set(sys.stdlib_module_names)
