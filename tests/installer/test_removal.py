"""Uninstalling: what the manifest lists goes, everything else stays, and what is not as it was is refused (R20)."""

import argparse
import io
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from glcic_backend.installer import command, removal
from glcic_backend.installer.console import Console
from glcic_backend.installer.manifest import CHANGING, FILE, FOLDER, TREE, Entry, Manifest
from glcic_backend.installer.prefix import InstallError, Marker
from glcic_backend.installer.uninstall import plan_removal, read_installation, uninstall

from .installed import Installed
from .tiny_project import everything_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and owners as Unix has them")


def test_all_that_was_installed_goes_and_everything_else_stays_as_it_was(installed: Installed) -> None:
    said = installed.remove()

    assert everything_in(installed.folder) == installed.foreign
    assert f"{installed.prefix} is kept, with models." in said


def test_without_models_the_folder_itself_goes(installed: Installed) -> None:
    shutil.rmtree(installed.prefix / "models")

    assert installed.remove() == "Removed.\n"
    assert not installed.prefix.exists()


def test_what_python_has_compiled_of_the_plugin_goes_with_it(installed: Installed) -> None:
    cache = installed.plugin / "wire" / "__pycache__"
    cache.mkdir()
    for name in ("client.cpython-313.pyc", "client._sum-12.py313.nbi", "client._sum-12.py313.1.nbc"):  # numba's, too
        (cache / name).touch()

    installed.remove()

    assert not installed.plugin.exists()


def test_a_file_of_somebody_else_in_the_plugins_folder_stays_and_is_told(installed: Installed) -> None:
    (installed.plugin / "notes.txt").write_text("mine")

    said = installed.remove()

    assert [path.name for path in installed.plugin.iterdir()] == ["notes.txt"]
    assert f"{installed.plugin} holds 1 things that were not installed, and is kept." in said


def test_a_file_that_was_changed_stays_and_is_told(installed: Installed) -> None:
    changed = installed.plugin / "installation.json"
    changed.write_text("{}")

    said = installed.remove()

    assert changed.read_text() == "{}"
    assert f"{changed} was changed since it was installed, and is left alone." in said


def test_files_that_are_gone_already_are_no_problem(installed: Installed) -> None:
    shutil.rmtree(installed.plugin)
    shutil.rmtree(installed.prefix / "venv")

    installed.remove()

    assert everything_in(installed.folder) == installed.foreign


def test_an_interrupted_removal_can_be_begun_again(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rmdir", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            installed.remove()

    installed.remove()

    assert everything_in(installed.folder) == installed.foreign


# What is refused


def file_becomes_a_link(installed: Installed) -> Path:
    path = installed.plugin / "installation.json"
    path.unlink()
    path.symlink_to(installed.folder / "photos" / "holiday.jpg")
    return path


def folder_becomes_a_link(installed: Installed) -> Path:
    shutil.move(installed.plugin / "wire", installed.folder / "moved")
    (installed.plugin / "wire").symlink_to(installed.folder / "moved")
    return installed.plugin / "wire"


def folder_above_becomes_a_link(installed: Installed) -> Path:
    plugins = installed.profile / "plug-ins"
    shutil.move(plugins, installed.folder / "moved")
    plugins.symlink_to(installed.folder / "moved")
    return installed.plugin


def environment_becomes_a_link(installed: Installed) -> Path:
    shutil.rmtree(installed.prefix / "venv")
    (installed.prefix / "venv").symlink_to(installed.folder / "photos")
    return installed.prefix / "venv"


def file_becomes_a_folder(installed: Installed) -> Path:
    path = installed.plugin / "installation.json"
    path.unlink()
    path.mkdir()
    return path


@pytest.mark.parametrize(
    "change",
    [
        file_becomes_a_link,
        folder_becomes_a_link,
        folder_above_becomes_a_link,
        environment_becomes_a_link,
        file_becomes_a_folder,
    ],
)
def test_what_has_become_something_else_is_named_and_nothing_at_all_is_removed(
    installed: Installed, change: Callable[[Installed], Path]
) -> None:
    path = change(installed)
    before = everything_in(installed.folder)

    with pytest.raises(InstallError, match="Nothing was removed") as refusal:
        installed.remove()

    assert str(path) in str(refusal.value)
    assert everything_in(installed.folder) == before


@pytest.mark.parametrize("place", ["venv", "venv/bin", "install.log"])
def test_something_mounted_on_what_was_installed_is_refused(
    installed: Installed, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    mount = installed.prefix / place
    monkeypatch.setattr(removal, "mount_points", lambda: {Path("/"), Path("/proc"), mount})
    before = everything_in(installed.folder)

    with pytest.raises(InstallError, match=f"{mount}: something is mounted there"):
        installed.remove()

    assert everything_in(installed.folder) == before


def test_files_of_another_owner_are_refused(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    real, target = Path.lstat, installed.prefix / "venv" / "module.py"

    def lstat(path: Path) -> os.stat_result:
        status = real(path)
        return os.stat_result((*status[:4], 12345, *status[5:])) if path == target else status

    monkeypatch.setattr(Path, "lstat", lstat)
    before = everything_in(installed.folder)

    with pytest.raises(InstallError, match=f"{target} belongs to user 12345 now"):
        installed.remove()

    assert everything_in(installed.folder) == before


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("photos/holiday.jpg", FILE),
        ("photos", TREE),
        ("home/.local/share/glcic/models/../../../../../photos", TREE),
        ("home/.local/share/glcic/models/deep", TREE),
        ("home/.local/share/glcic/models", TREE),
        ("home/.local/share/glcic/models", FOLDER),
        ("home/.local/share/glcic/models/mine.safetensors", CHANGING),
        ("home/.local/share/glcic/models/mine.safetensors", FILE),
        ("home/.local/share/glcic/venv/module.py", CHANGING),
        ("home/.local/share/glcic/venv/bin", TREE),
        ("home/.local/share/glcic", TREE),
        ("home/.local/share/glcic", FOLDER),
        ("home/.config/GIMP/3.0/plug-ins/other/other.py", FILE),
        ("home/.config/GIMP/3.0/plug-ins/inpaint-selection/mine.c", CHANGING),
        ("work/plug-ins/inpaint-selection/mine.c", FILE),
        ("empty", FOLDER),
        ("home", FOLDER),
        ("home/.local/share/glcic/models", "banana"),
        ("home/.local/share/glcic/venv\0x", FILE),
        ("home/.local/share/glcic//venv/module.py", FILE),
        ("x" * 5000, FILE),
    ],
)
def test_a_manifest_that_lists_what_an_installation_never_writes_is_refused(
    installed: Installed, path: str, kind: str
) -> None:
    installed.manifest.add([Entry(f"{installed.folder}/{path}", kind)])
    before = everything_in(installed.folder)

    with pytest.raises(InstallError, match="the manifest was changed"):
        installed.remove()

    assert everything_in(installed.folder) == before


def test_files_that_somebody_put_among_ours_are_announced_stay_and_are_told(installed: Installed) -> None:
    mine = [installed.prefix / "venv" / "MY NOTES.txt", installed.prefix / "selftest" / "holiday.png"]
    for path in mine:
        path.write_text("mine")

    plan = plan_removal(read_installation(installed.prefix))
    said = installed.remove()

    assert all(str(path) in plan.partition("Keep")[2] for path in mine)
    assert all(path.read_text() == "mine" for path in mine)
    assert not (installed.prefix / "venv" / "module.py").exists()
    assert not (installed.prefix / "selftest" / "before-after.png").exists()
    assert said.count("1 things that were not installed, and is kept.") == 2


def test_a_file_of_the_environment_that_was_changed_and_a_link_that_leads_elsewhere_stay(installed: Installed) -> None:
    module, link = installed.prefix / "venv" / "module.py", installed.prefix / "venv" / "bin" / "python"
    module.write_text("mine")
    link.unlink()
    link.symlink_to(installed.folder / "photos")

    said = installed.remove()

    assert module.read_text() == "mine" and link.is_symlink()
    assert said.count("was changed since it was installed, and is left alone.") == 2


def test_what_a_manifest_of_an_older_version_lists_as_a_whole_is_refused_with_what_to_do(installed: Installed) -> None:
    installed.manifest.add([Entry(str(installed.prefix / "venv"), TREE)])
    before = everything_in(installed.folder)

    with pytest.raises(InstallError, match=r"Run install\.py once, so that each file in it is listed"):
        installed.remove()

    assert everything_in(installed.folder) == before


def test_a_daemon_that_does_not_end_keeps_everything_in_its_place(
    installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr("glcic_backend.installer.uninstall._END_SECONDS", 0.2)
    before = everything_in(installed.folder)
    with open(installed.prefix / "run" / "daemon.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as one that is stopped, or whose connection file is gone

        with pytest.raises(InstallError, match="Nothing was removed, because the daemon still runs"):
            installed.remove()

    assert everything_in(installed.folder) == before
    installed.remove()


def test_of_two_uninstallations_at_once_one_removes_and_the_other_says_that_nothing_is_there(
    installed: Installed,
) -> None:
    manifests = [read_installation(installed.prefix) for _ in range(2)]
    outcomes = []

    def run(manifest: Manifest) -> None:
        try:
            uninstall(manifest, Console(io.StringIO()))
            outcomes.append("removed")
        except InstallError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=run, args=(manifest,)) for manifest in manifests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert everything_in(installed.folder) == installed.foreign
    assert "removed" in outcomes and len(outcomes) == 2
    assert all(outcome == "removed" or str(installed.prefix) in outcome for outcome in outcomes)


def test_what_another_uninstallation_removes_in_this_moment_is_said_in_a_sentence(
    installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan(manifest: Manifest) -> str:
        shutil.rmtree(installed.prefix)
        return plan_removal(manifest)

    monkeypatch.setattr(command, "plan_removal", plan)
    arguments = argparse.Namespace(yes=True, dry_run=False)

    with pytest.raises(InstallError, match="another uninstallation is just removing"):
        command._uninstall(installed.prefix, arguments, Console(io.StringIO()))


def test_a_manifest_that_others_can_write_is_not_trusted(installed: Installed) -> None:
    installed.manifest.path.chmod(0o666)

    with pytest.raises(InstallError, match="cannot be trusted"):
        installed.remove()


@pytest.mark.parametrize("content", ["", "{}", '{"entries": [{"path": "/"}]}'])
def test_a_damaged_manifest_is_named(installed: Installed, content: str) -> None:
    installed.manifest.path.write_text(content)

    with pytest.raises(InstallError, match="is damaged"):
        installed.remove()


def test_a_folder_that_is_no_installation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="holds no installation"):
        read_installation(tmp_path)


def test_an_installation_of_a_version_without_manifest_says_how_to_get_one(tmp_path: Path) -> None:
    Marker(tmp_path).begin()

    with pytest.raises(InstallError, match=r"Run install\.py once"):
        read_installation(tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_mount_points_of_this_machine_are_seen() -> None:
    assert {Path("/"), Path("/proc")} <= removal.mount_points()


# What is told beforehand


def test_the_plan_names_what_goes_and_what_stays_and_changes_nothing(installed: Installed) -> None:
    before = everything_in(installed.folder)

    plan = plan_removal(read_installation(installed.prefix))

    removed, kept = plan.split("Keep")
    assert f"{installed.prefix}: install.json, install.lock, install.log, manifest.json, run, selftest, venv" in removed
    count = sum(path.is_file() for path in installed.plugin.rglob("*"))
    assert f"{installed.plugin} ({count} files)\n" in removed
    assert "models in" in kept
    assert everything_in(installed.folder) == before
