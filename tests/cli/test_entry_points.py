"""The package from outside: as a module to run, as names to find, and with types."""

import subprocess
import sys
from pathlib import Path

import glcic_backend
import glcic_train


def test_python_m_glcic_backend_is_the_command():
    ended = subprocess.run([sys.executable, "-m", "glcic_backend", "--version"], capture_output=True, text=True)

    assert (ended.returncode, ended.stdout.strip()) == (0, f"glcic-backend, version {glcic_backend.__version__}")


def test_completion_sees_what_is_only_imported_when_asked_for():
    command = "import sys, glcic_backend; print('Inpainter' in dir(glcic_backend), 'torch' in sys.modules)"

    ended = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)

    assert ended.stdout.split() == ["True", "False"]


def test_type_checkers_find_the_types():
    for package in (glcic_backend, glcic_train):
        assert (Path(package.__file__).parent / "py.typed").is_file()
