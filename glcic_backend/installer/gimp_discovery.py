"""Which GIMPs of version 3 are on this machine, and in which folder each looks for the user's plug-ins."""

import os
import plistlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FLATPAK = "org.gimp.GIMP"
_PROGRAM = re.compile(r"gimp(?:-console)?-(3\.\d+)(?:\.exe)?")
_PROFILE = re.compile(r"3\.\d+")
_APPIMAGE = re.compile(r"gimp[-_](3\.\d+)[^/]*\.appimage", re.IGNORECASE)
_STATED = re.compile(r"\b(3\.\d+)(?:\.\d+)*\b")
_APPIMAGE_FOLDERS = ("", "Applications", "AppImages", "bin", ".local/bin", "Downloads", "Desktop")

SNAP_NOTE = (
    "not supported and never tried: since 3.2 its settings lie in your home folder, but a Snap may read no hidden "
    "folder there, such as that of the daemon, and may start no program of yours. Install GIMP from your distribution "
    "or as a Flatpak"
)
FLATPAK_NOTE = "it cannot start the daemon itself: install with --systemd, or keep `glcic-backend serve` running"


@dataclass(frozen=True)
class Machine:
    """What discovery looks at.

    Attributes:
        platform: as `sys.platform`.
        home: the user's home folder.
        variables: environment variables.
        root: what absolute paths of the system are below; `/` but in tests.
    """

    platform: str = sys.platform
    home: Path = field(default_factory=Path.home)
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    root: Path = Path("/")

    def folder(self, variable: str, default: str) -> Path:
        """The folder that an environment variable names, else one below the home folder."""
        return Path(self.variables.get(variable) or self.home / default)

    def system(self, path: str) -> Path:
        """An absolute path of the system."""
        return self.root / path.lstrip("/")


@dataclass(frozen=True)
class Gimp:
    """A GIMP, or what is left of one.

    Attributes:
        kind: how it was installed.
        version: such as `3.0`; only `3` where nothing tells.
        place: what was found.
        profile: its folder of the user's settings, which may not exist yet; None if plug-ins cannot be put there.
        note: what the user should know; may be empty.
    """

    kind: str
    version: str
    place: Path
    profile: Path | None
    note: str = ""


def find_gimps(machine: Machine | None = None) -> list[Gimp]:
    """All that can be found. Nothing is changed, and no window is opened."""
    machine = machine or Machine()
    finders = {"linux": [_packages, _flatpak, _snap, _appimages], "darwin": [_mac], "win32": [_windows]}
    gimps: list[Gimp] = []
    for finder in [_named_folder, *finders.get(machine.platform, [_packages])]:
        gimps += finder(machine)
    known = profiles(gimps)
    return gimps + [gimp for gimp in _left_profiles(machine) if not set(profiles([gimp])) & set(known)]


def profiles(gimps: Iterable[Gimp]) -> list[Path]:
    """The folders of settings that the plug-in belongs into, each once, with links resolved."""
    return list(dict.fromkeys(Path(os.path.realpath(gimp.profile)) for gimp in gimps if gimp.profile is not None))


def _named_folder(machine: Machine) -> Iterator[Gimp]:
    named = machine.variables.get("GIMP3_DIRECTORY")
    if named:
        folder = machine.home / named  # a relative one begins at the home folder
        yield Gimp("GIMP3_DIRECTORY", "3", folder, folder)


def _settings(machine: Machine) -> Path:
    """Where GIMP keeps the folders of its versions."""
    if machine.platform == "win32":
        return machine.folder("APPDATA", "AppData/Roaming") / "GIMP"
    if machine.platform == "darwin":
        return machine.home / "Library" / "Application Support" / "GIMP"
    return machine.folder("XDG_CONFIG_HOME", ".config") / "GIMP"


def _packages(machine: Machine) -> Iterator[Gimp]:
    """GIMPs among the programs of the PATH and of the system."""
    named = [Path(folder) for folder in machine.variables.get("PATH", "").split(os.pathsep) if folder]
    folders = dict.fromkeys([*named, *map(machine.system, ("/usr/bin", "/usr/local/bin", "/opt/gimp/bin"))])
    found: dict[str, Path] = {}
    for folder in folders:
        if "snap" in folder.parts or "flatpak" in folder.parts:  # their launchers; found below
            continue
        for program in sorted(folder.glob("gimp*")):
            version = _version_of(program)
            if version:
                found.setdefault(version, program)
    for version, program in sorted(found.items()):
        yield _native("distribution package", version, program, machine)


def _version_of(program: Path) -> str | None:
    """Version of a GIMP 3 by the name of its program; one that says nothing is asked."""
    name = _PROGRAM.fullmatch(Path(os.path.realpath(program)).name) or _PROGRAM.fullmatch(program.name)
    if name:
        return name[1]
    if program.name not in ("gimp", "gimp-3", "gimp-console", "gimp-console-3") or not os.access(program, os.X_OK):
        return None
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    stated = _STATED.search(said)
    return stated[1] if stated else None


def _native(kind: str, version: str, place: Path, machine: Machine) -> Gimp:
    return Gimp(kind, version, place, _settings(machine) / version, _note_of_new(_settings(machine), version))


def _note_of_new(settings: Path, version: str) -> str:
    """A GIMP takes over an older one's settings only if it makes its folder itself."""
    if (settings / "2.10").is_dir() and not (settings / version).exists():
        return f"never started here: start GIMP {version} once before, if it shall take over the settings of GIMP 2.10"
    return ""


def _flatpak(machine: Machine) -> Iterator[Gimp]:
    # Which of the two folders it uses depends on the rights that it was given, so both are right.
    inside = machine.home / ".var" / "app" / _FLATPAK / "config" / "GIMP"
    installed = machine.folder("XDG_DATA_HOME", ".local/share") / "flatpak", machine.system("/var/lib/flatpak")
    for installation in installed:
        place = installation / "app" / _FLATPAK
        if not place.is_dir():
            continue
        programs = sorted((place / "current" / "active" / "files" / "bin").glob("gimp*"))
        names = [_PROGRAM.fullmatch(program.name) for program in programs]
        versions = sorted({name[1] for name in names if name}) or _versions_in(inside) or ["3.0"]
        for version in versions:
            for settings in (inside, machine.home / ".config" / "GIMP"):
                yield Gimp("Flatpak", version, place, settings / version, FLATPAK_NOTE)
        return


def _snap(machine: Machine) -> Iterator[Gimp]:
    for place in (machine.system("/snap/gimp"), machine.system("/var/lib/snapd/snap/gimp")):
        if place.is_dir():
            yield Gimp("Snap", "3", place, None, SNAP_NOTE)
            return


def _appimages(machine: Machine) -> Iterator[Gimp]:
    for folder in [*(machine.home / name for name in _APPIMAGE_FOLDERS), machine.system("/opt")]:
        for file in _listed(folder):
            name = _APPIMAGE.fullmatch(file.name)
            if name:
                yield _native("AppImage", name[1], file, machine)


def _mac(machine: Machine) -> Iterator[Gimp]:
    for folder in (machine.system("/Applications"), machine.home / "Applications"):
        for bundle in sorted(folder.glob("GIMP*.app")):
            try:
                stated = plistlib.loads((bundle / "Contents" / "Info.plist").read_bytes())
                version = _STATED.search(str(stated["CFBundleShortVersionString"]))
            except (OSError, ValueError, KeyError, plistlib.InvalidFileException):
                continue
            if version:
                yield _native("macOS application", version[1], bundle, machine)


def _windows(machine: Machine) -> Iterator[Gimp]:
    parents = [machine.variables.get("ProgramFiles"), machine.folder("LOCALAPPDATA", "AppData/Local") / "Programs"]
    for parent in parents:
        if not parent:
            continue
        for folder in sorted(Path(parent).glob("GIMP 3*")):
            names = [_PROGRAM.fullmatch(file.name) for file in _listed(folder / "bin")]
            for version in sorted({name[1] for name in names if name}):
                yield _native("Windows program", version, folder, machine)


def _left_profiles(machine: Machine) -> Iterator[Gimp]:
    """Settings of a GIMP that lies where nobody looks, such as an AppImage on another disk."""
    settings = _settings(machine)
    for version in _versions_in(settings):
        yield Gimp("settings of a GIMP", version, settings / version, settings / version)


def _versions_in(settings: Path) -> list[str]:
    return [folder.name for folder in _listed(settings) if _PROFILE.fullmatch(folder.name) and folder.is_dir()]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
