"""GIMP, and the plug-in in each of its folders."""

import json
import os
from pathlib import Path

from glcic_backend import __version__
from glcic_backend import wire as our_wire
from glcic_backend.doctor.finding import FAILED, OK, WARNING, Finding
from glcic_backend.installer.gimp_discovery import FLATPAK_NOTE, Gimp, find_gimps, profiles
from glcic_backend.installer.plugin_files import DESCRIPTION, PLUGIN, plugin_folder
from glcic_backend.installer.systemd_unit import unit_file
from glcic_backend.wire.codec import PROTOCOL_VERSION

_INSTALL = "Run `python3 install.py` from the project's checkout, then restart GIMP."


def check_gimps() -> list[Finding]:
    """Every GIMP that is found."""
    gimps = find_gimps()
    if not gimps:
        advice = "Install GIMP 3.0 or 3.2, then run `python3 install.py` again."
        return [Finding("GIMP", WARNING, "no GIMP 3 was found", advice)]
    return list(dict.fromkeys(map(_gimp, gimps)))


def _gimp(gimp: Gimp) -> Finding:
    text = f"{gimp.kind} at {gimp.place}"
    name = f"GIMP {gimp.version}"
    if gimp.profile is None:
        return Finding(name, WARNING, text, f"{gimp.note}.")
    if gimp.note == FLATPAK_NOTE and not unit_file().exists():
        return Finding(name, WARNING, text, f"{FLATPAK_NOTE}.")
    return Finding(name, OK, text)


def check_plugins() -> list[Finding]:
    """The plug-in is in the folder of each GIMP, can be run by it, and belongs to this program."""
    return [_plugin(plugin_folder(profile)) for profile in profiles(find_gimps())]


def _plugin(folder: Path) -> Finding:
    name, main = f"plug-in in {folder}", folder / f"{PLUGIN}.py"
    if not main.is_file():
        return Finding(name, FAILED, "it is not there", _INSTALL)
    if os.name == "posix" and not os.access(main, os.X_OK):
        advice = f"Make it so: chmod +x '{main}'"
        return Finding(name, FAILED, f"{main.name} is not executable, so GIMP passes it over without a word", advice)
    try:
        stated = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        version, protocol = str(stated["version"]), int(stated["protocol"])
        program = Path(str(stated["command"][0]))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        return Finding(name, FAILED, f"{DESCRIPTION}, which names the daemon, cannot be read ({error})", _INSTALL)
    if (version, protocol) != (__version__, PROTOCOL_VERSION):
        text = (
            f"it is version {version} with protocol {protocol}; this program is {__version__} with {PROTOCOL_VERSION}"
        )
        return Finding(name, FAILED, text, _INSTALL)
    changed = _changed_modules(folder / "wire")
    if changed:
        return Finding(name, FAILED, f"its copy of the protocol differs in {', '.join(changed)}", _INSTALL)
    if not os.access(program, os.X_OK):
        return Finding(name, FAILED, f"the program {program}, which it starts, is not there", _INSTALL)
    return Finding(name, OK, f"version {version}, executable, starts {program}")


def _changed_modules(copy: Path) -> list[str]:
    """Names of the modules of the protocol that are missing in a copy, or differ."""
    changed = []
    for module in sorted(Path(our_wire.__file__).parent.glob("*.py")):
        try:
            same = (copy / module.name).read_bytes() == module.read_bytes()
        except OSError:
            same = False
        if not same:
            changed.append(module.name)
    return changed
