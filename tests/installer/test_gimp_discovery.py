"""Finding GIMPs, on machines that are made up of folders."""

import plistlib
from pathlib import Path

import pytest

from glcic_backend.installer.gimp_discovery import FLATPAK_NOTE, Machine, find_gimps, profiles

LINUX = "linux"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "ada"
    folder.mkdir(parents=True)
    return folder


def machine(root: Path, home: Path, platform: str = LINUX, **variables: str) -> Machine:
    return Machine(platform, home, variables, root)


def make(path: Path, content: str = "", *, runs: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    if runs:
        path.chmod(0o755)
    return path


def found(machine: Machine) -> list[tuple[str, str, Path | None]]:
    return [(gimp.kind, gimp.version, gimp.profile) for gimp in find_gimps(machine)]


def test_a_machine_without_gimp_has_none(root: Path, home: Path) -> None:
    assert find_gimps(machine(root, home)) == []


@pytest.mark.parametrize("version", ["3.0", "3.2"])
def test_the_distributions_gimp_is_told_by_the_name_of_its_program(root: Path, home: Path, version: str) -> None:
    make(root / "usr" / "bin" / f"gimp-{version}", runs=True)
    (root / "usr" / "bin" / "gimp").symlink_to(f"gimp-{version}")

    assert found(machine(root, home)) == [("distribution package", version, home / ".config" / "GIMP" / version)]


def test_a_program_whose_name_says_nothing_is_asked_for_its_version(root: Path, home: Path) -> None:
    said = "GNU Image Manipulation Program version 3.2.6"
    make(root / "usr" / "bin" / "gimp", f"#!/bin/sh\necho '{said}'\n", runs=True)

    assert found(machine(root, home)) == [("distribution package", "3.2", home / ".config" / "GIMP" / "3.2")]


@pytest.mark.parametrize("name, said", [("gimp-2.10", ""), ("gimp", "program version 2.10.36"), ("gimptool-3.0", "")])
def test_gimp_2_and_its_tools_are_no_gimp_3(root: Path, home: Path, name: str, said: str) -> None:
    make(root / "usr" / "bin" / name, f"#!/bin/sh\necho '{said}'\n", runs=True)

    assert find_gimps(machine(root, home)) == []


def test_two_versions_side_by_side_are_both_found_wherever_the_path_leads(root: Path, home: Path) -> None:
    make(root / "usr" / "bin" / "gimp-3.0", runs=True)
    make(home / "apps" / "gimp-3.2", runs=True)

    gimps = find_gimps(machine(root, home, PATH=str(home / "apps")))

    assert [(gimp.version, gimp.place) for gimp in gimps] == [
        ("3.0", root / "usr" / "bin" / "gimp-3.0"),
        ("3.2", home / "apps" / "gimp-3.2"),
    ]


def test_xdg_config_home_moves_the_settings(root: Path, home: Path) -> None:
    make(root / "usr" / "bin" / "gimp-3.0", runs=True)

    (gimp,) = find_gimps(machine(root, home, XDG_CONFIG_HOME=str(home / "settings")))

    assert gimp.profile == home / "settings" / "GIMP" / "3.0"


def test_who_has_settings_of_gimp_2_is_told_to_start_the_new_one_first(root: Path, home: Path) -> None:
    make(root / "usr" / "bin" / "gimp-3.0", runs=True)
    (home / ".config" / "GIMP" / "2.10").mkdir(parents=True)
    assert "start GIMP 3.0 once" in find_gimps(machine(root, home))[0].note

    (home / ".config" / "GIMP" / "3.0").mkdir()

    assert find_gimps(machine(root, home))[0].note == ""


@pytest.mark.parametrize("whole_machine", [True, False], ids=["for all users", "for this user"])
def test_a_flatpak_gets_the_plugin_in_both_places_where_it_may_look(
    root: Path, home: Path, whole_machine: bool
) -> None:
    installation = root / "var" / "lib" / "flatpak" if whole_machine else home / ".local" / "share" / "flatpak"
    make(installation / "app" / "org.gimp.GIMP" / "current" / "active" / "files" / "bin" / "gimp-3.2")

    gimps = find_gimps(machine(root, home))

    assert [(gimp.kind, gimp.version, gimp.profile) for gimp in gimps] == [
        ("Flatpak", "3.2", home / ".var" / "app" / "org.gimp.GIMP" / "config" / "GIMP" / "3.2"),
        ("Flatpak", "3.2", home / ".config" / "GIMP" / "3.2"),
    ]
    assert {gimp.note for gimp in gimps} == {FLATPAK_NOTE}


def test_a_flatpak_whose_files_cannot_be_seen_is_taken_for_what_its_settings_say(root: Path, home: Path) -> None:
    (root / "var" / "lib" / "flatpak" / "app" / "org.gimp.GIMP").mkdir(parents=True)
    assert {gimp.version for gimp in find_gimps(machine(root, home))} == {"3.0"}

    (home / ".var" / "app" / "org.gimp.GIMP" / "config" / "GIMP" / "3.2").mkdir(parents=True)

    assert {gimp.version for gimp in find_gimps(machine(root, home))} == {"3.2"}


def test_a_snap_is_listed_as_unsupported_with_what_to_do(root: Path, home: Path) -> None:
    make(root / "snap" / "bin" / "gimp", "#!/bin/sh\necho 'version 3.0.4'\n", runs=True)
    (root / "snap" / "gimp").mkdir()

    (gimp,) = find_gimps(machine(root, home, PATH=str(root / "snap" / "bin")))

    assert (gimp.kind, gimp.profile) == ("Snap", None)
    assert "not supported" in gimp.note and "Flatpak" in gimp.note
    assert profiles([gimp]) == []


@pytest.mark.parametrize("folder", ["", "Applications", "Downloads"])
def test_an_appimage_is_told_by_its_name(root: Path, home: Path, folder: str) -> None:
    make(home / folder / "GIMP-3.2.4-x86_64.AppImage")

    assert found(machine(root, home)) == [("AppImage", "3.2", home / ".config" / "GIMP" / "3.2")]


def test_settings_without_a_program_still_get_the_plugin(root: Path, home: Path) -> None:
    for name in ("2.10", "3.0", "3.2", "backup"):
        (home / ".config" / "GIMP" / name).mkdir(parents=True)

    assert found(machine(root, home)) == [
        ("settings of a GIMP", "3.0", home / ".config" / "GIMP" / "3.0"),
        ("settings of a GIMP", "3.2", home / ".config" / "GIMP" / "3.2"),
    ]


@pytest.mark.parametrize("named", ["{home}/mine", "mine"])
def test_gimp3_directory_names_a_folder_of_its_own(root: Path, home: Path, named: str) -> None:
    make(root / "usr" / "bin" / "gimp-3.0", runs=True)

    places = profiles(find_gimps(machine(root, home, GIMP3_DIRECTORY=named.format(home=home))))

    assert places == [home / "mine", home / ".config" / "GIMP" / "3.0"]


def test_a_folder_that_several_gimps_share_gets_the_plugin_once_whatever_links_lead_to_it(
    root: Path, home: Path
) -> None:
    make(root / "usr" / "bin" / "gimp-3.0", runs=True)
    make(home / "GIMP-3.0.4-x86_64.AppImage")
    make(
        home
        / ".local"
        / "share"
        / "flatpak"
        / "app"
        / "org.gimp.GIMP"
        / "current"
        / "active"
        / "files"
        / "bin"
        / "gimp-3.0"
    )
    (home / ".config" / "GIMP").mkdir(parents=True)
    inside = home / ".var" / "app" / "org.gimp.GIMP" / "config" / "GIMP"
    inside.parent.mkdir(parents=True)
    inside.symlink_to(home / ".config" / "GIMP")

    gimps = find_gimps(machine(root, home))

    assert [gimp.kind for gimp in gimps] == ["distribution package", "Flatpak", "Flatpak", "AppImage"]
    assert profiles(gimps) == [home / ".config" / "GIMP" / "3.0"]


def test_on_macos_the_bundle_says_its_version(root: Path, home: Path) -> None:
    for name, version in (("GIMP.app", "3.0.4"), ("GIMP-2.10.app", "2.10.36")):
        contents = root / "Applications" / name / "Contents"
        contents.mkdir(parents=True)
        (contents / "Info.plist").write_bytes(plistlib.dumps({"CFBundleShortVersionString": version}))
    (root / "Applications" / "GIMP-broken.app").mkdir()

    assert found(machine(root, home, "darwin")) == [
        ("macOS application", "3.0", home / "Library" / "Application Support" / "GIMP" / "3.0")
    ]


def test_on_windows_the_program_folders_are_searched(root: Path, home: Path) -> None:
    make(root / "Program Files" / "GIMP 3" / "bin" / "gimp-3.0.exe")
    make(home / "AppData" / "Local" / "Programs" / "GIMP 3" / "bin" / "gimp-3.2.exe")
    variables = {
        "ProgramFiles": str(root / "Program Files"),
        "LOCALAPPDATA": str(home / "AppData" / "Local"),
        "APPDATA": str(home / "AppData" / "Roaming"),
    }

    assert found(machine(root, home, "win32", **variables)) == [
        ("Windows program", "3.0", home / "AppData" / "Roaming" / "GIMP" / "3.0"),
        ("Windows program", "3.2", home / "AppData" / "Roaming" / "GIMP" / "3.2"),
    ]
