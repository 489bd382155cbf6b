"""Files that are there in full or not at all."""

import os
import subprocess
import sys

import pytest

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import OutputError


def test_a_new_file_holds_the_bytes_and_nothing_lies_beside_it(tmp_path):
    write_atomically(tmp_path / "picture.png", b"content")

    assert (tmp_path / "picture.png").read_bytes() == b"content"
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits and umask are POSIX")
def test_a_new_file_has_the_permissions_that_the_umask_gives(tmp_path):
    (tmp_path / "ordinary").write_bytes(b"")

    write_atomically(tmp_path / "new", b"")

    assert (tmp_path / "new").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_an_older_file_is_replaced_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"older and longer")
    path.chmod(0o640)
    mode = path.stat().st_mode

    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode == mode


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need a privilege elsewhere")
def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "real.png"
    target.write_bytes(b"old")
    link = tmp_path / "link.png"
    link.symlink_to(target)

    write_atomically(link, b"new")

    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="RLIMIT_FSIZE is POSIX")
@pytest.mark.parametrize("older", [None, b"older"])
def test_a_write_that_the_system_stops_in_the_middle_leaves_no_trace(tmp_path, older):
    path = tmp_path / "picture.png"
    if older is not None:
        path.write_bytes(older)
    script = """
import resource, signal, sys
from pathlib import Path
from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_atomically(Path(sys.argv[1]), bytes(10_000))
except OutputError as error:
    print(error)
"""

    # Of a record of the lines that were run only a part could be written.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}

    run = subprocess.run(
        [sys.executable, "-c", script, str(path)], env=environment, capture_output=True, text=True, check=True
    )

    assert "10,000 bytes" in run.stdout and "larger than this disk" in run.stdout
    assert sorted(tmp_path.iterdir()) == ([] if older is None else [path])
    assert older is None or path.read_bytes() == older


def test_an_interruption_leaves_the_older_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    path.write_bytes(b"older")

    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")

    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named_with_what_to_do(tmp_path):
    with pytest.raises(OutputError, match="folder does not exist; create it first"):
        write_atomically(tmp_path / "nowhere" / "picture.png", b"content")


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(OutputError, match="a folder has that name"):
        write_atomically(tmp_path, b"content")
