"""Calls by scripts, without a dialog."""

import re
from contextlib import closing

import psutil
import pytest

from glcic_backend.model_files.library import import_model, remove_model

from ..daemon.conftest import wait_until
from .machine import REPOSITORY
from .pictures import HOLE, changed, mask_of, photograph, stored

SCRIPT_FU = """
procedure = Gimp.get_pdb().lookup_procedure("plug-in-script-fu-eval")
config = procedure.create_config()
config.set_property("script", script % {"image": image.get_id(), "layer": layer.get_id()})
answer = procedure.run(config)
result = [answer.index(0).value_nick, answer.index(1) if answer.length() > 1 else ""]
"""
CALL = """(plug-in-inpaint-selection #:run-mode RUN-NONINTERACTIVE #:image %%(image)d #:drawables #(%%(layer)d) %s)"""


DEFAULTS = {
    "result": "in-place",
    "quality": "best",
    "variant": 0,
    "sample-merged": 0,
    "grow": 0,
    "soften": 0.0,
    "context": "automatic",
    "sample-from": "automatic",
    "distance": 0,
    "channel": 0,  # GIMP gives an empty text, or none at all
    "channel-use": "exclude",
    "model": 0,
}


@pytest.fixture
def shown(picture):
    """The photograph in 8 bits, with the hole selected."""
    made = picture(stored(photograph(), "U8_NON_LINEAR"))
    made.select()
    return made


def test_the_procedure_is_there_with_a_default_for_each_argument(gimp):
    defaults = gimp.run(
        "config = Gimp.get_pdb().lookup_procedure(PROCEDURE).create_config()\n"
        "result = {each.name: config.get_property(each.name) or 0 for each in config.list_properties()\n"
        "          if each.name in names}",
        names=list(DEFAULTS),
    )

    assert defaults == DEFAULTS


def test_it_is_found_in_the_menu_directly_and_among_what_enhances(gimp):
    paths = gimp.run("result = Gimp.get_pdb().lookup_procedure(PROCEDURE).get_menu_paths()")

    assert paths == ["<Image>/Filters", "<Image>/Filters/Enhance"]


def test_every_argument_has_a_description(gimp):
    blurbs = gimp.run("result = [a.get_blurb() for a in Gimp.get_pdb().lookup_procedure(PROCEDURE).get_arguments()]")

    assert len(blurbs) == 16
    assert all(blurbs)


def test_script_fu_calls_it_with_defaults(shown):
    assert shown.run(SCRIPT_FU, script=CALL % "")[0] == "success"

    different = changed(shown.before, shown.pixels())
    assert different[HOLE].mean() > 0.9
    assert not different[~mask_of(different.shape)].any()


def test_script_fu_calls_it_with_named_arguments(shown):
    arguments = '#:result "new-layer" #:quality "fast" #:grow 3 #:soften 2.5 #:context "more" #:sample-merged TRUE'

    assert shown.run(SCRIPT_FU, script=CALL % arguments)[0] == "success"

    assert shown.run("result = [each.get_name() for each in image.get_layers()]") == ["Inpainted", "a layer"]


def test_script_fu_is_told_what_is_wrong(shown):
    shown.run("Gimp.Selection.none(image)")

    status, message = shown.run(SCRIPT_FU, script=CALL % "")

    assert status == "execution-error"
    assert "Nothing is selected" in message


@pytest.mark.parametrize("option", [{"quality": "fast"}, {"context": "more"}, {"context": "all"}, {"model": "shipped"}])
def test_python_calls_it_with_an_option(shown, option):
    assert shown.inpaint(**option) == ""

    different = changed(shown.before, shown.pixels())
    assert different[HOLE].mean() > 0.9
    assert not different[~mask_of(different.shape)].any()


def test_the_second_model_is_installed_and_chosen_by_its_name(shown, machine, monkeypatch):
    monkeypatch.setenv("GLCIC_HOME", str(machine.home))
    import_model(REPOSITORY / "models" / "facade.safetensors")
    try:
        assert shown.inpaint(model="facade") == ""
        with closing(machine.daemon()) as client:
            assert "facade" in [model["name"] for model in client.models()]
    finally:
        remove_model("facade")
        (machine.home / "models").rmdir()

    said = shown.run("result = bytes(image.get_parasite('inpaint-selection').get_data()).decode()")
    assert said.startswith("model facade,")
    assert changed(shown.before, shown.pixels())[HOLE].mean() > 0.9


def test_twenty_runs_leave_nothing_behind(shown, machine):
    def commands():
        running = [" ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"])]
        return [command for command in running if str(machine.folder) in command]

    def traces():
        # The last process has answered, but may need a moment more to end.
        wait_until(lambda: not any("/inpaint-selection.py" in command for command in commands()))
        files = {str(path.relative_to(machine.home)) for path in machine.home.rglob("*")}
        temporary = set(shown.run("import os; result = os.listdir('/tmp')"))
        return files, temporary, len(commands())

    assert shown.inpaint() == ""
    before = traces()

    for number in range(20):
        shown.select(slice(20, 40), slice(10 * number, 10 * number + 25))
        assert shown.inpaint(quality="fast") == ""

    assert traces() == before
    assert {re.sub(r"daemon-\d+", "daemon", name) for name in before[0]} == {
        "run",
        *(f"run/{name}" for name in ("daemon.json", "daemon.lock", "daemon.log", "daemon.sock", "start.log")),
    }
