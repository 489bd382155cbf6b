"""The lock files: complete, hashed, and without PyTorch."""

import importlib.metadata
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from glcic_backend.installer.installation import LOCKS

from .make_locks import BUILD, EXTRAS, REPOSITORY, UNLOCKED, header


def packages(purpose):
    """(requirement, hashes) of each entry of a lock."""
    text = (REPOSITORY / LOCKS[purpose]).read_text()
    entries = re.split(r"^(?=[^\s#])", text, flags=re.MULTILINE)[1:]
    return [
        (Requirement(entry.partition(" \\\n")[0]), re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry))
        for entry in entries
    ]


def asked_for(purpose):
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = [name for extra in EXTRAS[purpose] for name in project["optional-dependencies"][extra]]
    return [Requirement(text) for text in [*project["dependencies"], *extras, *BUILD]]


@pytest.mark.parametrize("purpose", LOCKS)
def test_each_lock_says_what_it_is_for_and_how_it_is_made(purpose):
    assert (REPOSITORY / LOCKS[purpose]).read_text().startswith(header(purpose))


@pytest.mark.parametrize("purpose", LOCKS)
def test_each_package_is_locked_to_one_version_with_hashes(purpose):
    for requirement, hashes in packages(purpose):
        assert [each.operator for each in requirement.specifier] == ["=="], requirement
        assert hashes, requirement


@pytest.mark.parametrize("purpose", LOCKS)
def test_what_the_project_asks_for_is_in_the_lock_in_a_version_that_it_accepts(purpose):
    locked = {}
    for requirement, _ in packages(purpose):
        (version,) = requirement.specifier
        locked.setdefault(canonicalize_name(requirement.name), []).append(version.version)

    for asked in asked_for(purpose):
        if asked.name != "torch":
            versions = locked[canonicalize_name(asked.name)]
            assert all(asked.specifier.contains(version) for version in versions), asked


@pytest.mark.parametrize("purpose", LOCKS)
def test_what_a_locked_package_asks_for_with_an_extra_is_locked_with_it(purpose):
    # Else pip takes the newest version for the extra, and refuses it for want of a hash.
    locked = {canonicalize_name(requirement.name): requirement.extras for requirement, _ in packages(purpose)}
    here = {canonicalize_name(each.name): each.requires or () for each in importlib.metadata.distributions()}

    for name in locked.keys() & here.keys():
        for asked in map(Requirement, here[name]):
            if asked.extras and (asked.marker is None or asked.marker.evaluate({"extra": ""})):
                assert asked.extras <= locked[canonicalize_name(asked.name)], f"{name} asks for {asked}"


@pytest.mark.parametrize("purpose", LOCKS)
def test_pytorch_and_the_packages_of_its_cuda_build_are_not_in_the_lock(purpose):
    # Which file of PyTorch is right depends on the machine, so no hash can be right for all.
    assert [str(package) for package, _ in packages(purpose) if UNLOCKED.match(package.name)] == []


def test_the_build_system_asks_for_no_more_than_the_lock_holds():
    build = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["build-system"]

    assert build["requires"] == [BUILD[0]]
