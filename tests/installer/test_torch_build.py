"""Which build of PyTorch is chosen, and what is said of it."""

import os

import pytest

from glcic_backend.installer import torch_build
from glcic_backend.installer.torch_build import CPU_INDEX, choose_build, has_nvidia_driver


def choose(wish: str, driver: bool, index: bool) -> torch_build.TorchBuild:
    return choose_build(wish, chooses=True, has_driver=lambda: driver, can_reach_index=lambda: index)


def test_with_an_nvidia_driver_it_is_the_cuda_build_of_the_default_index() -> None:
    build = choose("auto", driver=True, index=True)

    assert (build.name, build.pip_arguments, build.download_gb, build.disk_gb) == ("CUDA", (), 2.9, 8.0)
    assert "NVIDIA driver was found" in build.reason


def test_without_a_driver_it_is_the_cpu_build_of_its_own_index() -> None:
    build = choose("auto", driver=False, index=True)

    assert (build.name, build.download_gb) == ("CPU", 0.4)
    assert build.pip_arguments == ("--extra-index-url", CPU_INDEX)


def test_where_that_index_cannot_be_reached_pips_own_settings_serve_and_the_size_is_said() -> None:
    build = choose("auto", driver=False, index=False)

    # Room for the larger of the two builds is asked for, because that one may come.
    assert (build.name, build.pip_arguments, build.download_gb, build.disk_gb) == ("CPU", (), 2.9, 8.0)
    assert "cannot be reached" in build.reason and "2.9 GB" in build.reason


@pytest.mark.parametrize(("wish", "name"), [("cpu", "CPU"), ("cuda", "CUDA")])
def test_the_users_wish_goes_before_what_is_found(wish: str, name: str) -> None:
    for driver in (True, False):
        assert choose(wish, driver, index=True).name == name


def test_where_the_default_index_has_one_build_only_nothing_is_chosen_or_asked() -> None:
    def fail() -> bool:
        raise AssertionError("asked")

    build = choose_build(chooses=False, has_driver=fail, can_reach_index=fail)

    assert (build.name, build.pip_arguments) == ("default", ())


class Driver:
    """A library of an NVIDIA driver."""

    def __init__(self, count: int, failure: int = 0) -> None:
        self.count, self.failure = count, failure

    def cuInit(self, flags: int) -> int:
        return self.failure

    def cuDeviceGetCount(self, pointer) -> int:
        pointer._obj.value = self.count
        return 0


@pytest.mark.parametrize(("count", "found"), [(0, False), (1, True), (8, True)])
def test_the_drivers_library_is_asked_how_many_gpus_it_has(
    monkeypatch: pytest.MonkeyPatch, count: int, found: bool
) -> None:
    monkeypatch.setattr(torch_build.ctypes, "CDLL", lambda name: Driver(count))

    assert has_nvidia_driver() == found


@pytest.mark.parametrize(("script", "found"), [("echo 'GPU 0: NVIDIA H100'", True), ("exit 9", False), (None, False)])
def test_where_the_library_is_missing_or_fails_the_drivers_program_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path, script: str | None, found: bool
) -> None:
    monkeypatch.setattr(torch_build.ctypes, "CDLL", lambda name: Driver(1, failure=100))
    if script:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + (os.pathsep + "/bin" if script else ""))

    assert has_nvidia_driver() == found


def test_the_index_is_not_asked_where_pip_shall_use_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(torch_build.urllib.request, "urlopen", lambda *_, **__: pytest.fail("asked"))

    assert not torch_build.can_reach_cpu_index()


def test_an_index_that_does_not_answer_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_, **__):
        raise OSError("no route")

    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    monkeypatch.setattr(torch_build.urllib.request, "urlopen", refuse)

    assert not torch_build.can_reach_cpu_index()
