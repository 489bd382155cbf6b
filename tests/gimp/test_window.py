"""GIMP with a window, on a screen that nobody sees: the menu, the dialog, the keys that people press."""

import time
from itertools import pairwise

import numpy as np
import psutil
import pytest

from glcic_backend.installer.plugin_files import plugin_folder

from ..daemon.conftest import wait_until
from .pictures import HOLE, Picture, changed, mask_of, photograph, stored
from .session import Session

TO_BYTES = "bytes_of = lambda: layer.get_buffer().get(whole(layer), 1.0, stored_format(layer), Gegl.AbyssPolicy.NONE)\n"


@pytest.fixture(scope="module")
def window(machine):
    """A GIMP with a window."""
    session = Session(machine.inside(), machine.folder, name="window", window=True)
    # So that the tests wait for the plug-in only, not for the daemon's start.
    first = Picture(session, machine.folder, stored(photograph(), "U8_NON_LINEAR"))
    first.select()
    assert first.inpaint() == ""
    session.run("image.delete()")
    yield session
    session.close()


@pytest.fixture
def shown(window, machine):
    """The photograph with a soft selection, in a window; 16 bits, which are the harder ones to keep."""
    made = Picture(window, machine.folder, stored(photograph(), "U16_NON_LINEAR"), "U16_NON_LINEAR")
    made.run("image.select_ellipse(REPLACE, 110, 50, 80, 60); Gimp.Selection.feather(image, 12); display = show(image)")
    made.run(TO_BYTES + "first = bytes_of()")
    yield made
    made.run("close(DIALOG); close(MESSAGE)")
    made.run("if display.is_valid(): display.delete()")


def test_the_menu_entry_opens_the_dialog_and_ok_fills_the_selection(shown):
    coverage = shown.coverage()

    shown.run("open_dialog(); press(DIALOG, 'alt+o'); wait_for_run(lambda: bytes_of() != first)")

    different = changed(shown.before, shown.pixels())
    assert different[coverage == 255].mean() > 0.9
    assert not different[coverage == 0].any()
    assert np.array_equal(shown.coverage(), coverage)


def test_cancel_in_the_dialog_changes_nothing(shown):
    shown.run("open_dialog(); press(DIALOG, 'Escape'); wait_until(lambda: not windows(DIALOG))")

    assert not changed(shown.before, shown.pixels()).any()


ITEMS = """
lists = image.get_layers(), image.get_selected_layers(), image.get_channels()
result = [[each.get_name() for each in items] for items in lists]
"""


def test_one_step_of_undo_brings_every_bit_back_and_redo_the_fill(shown, window):
    coverage, items = shown.coverage(), shown.run(ITEMS)
    printed = len(window.log.read_text())
    shown.run("inpaint(image, [layer]); inpaint(image, [layer]); Gimp.displays_flush(); filled = bytes_of()")
    assert shown.run(ITEMS) == items

    for _ in range(2):
        shown.run("in_image('ctrl+z'); in_image('ctrl+z'); wait_until(lambda: bytes_of() == first)")
        assert np.array_equal(shown.coverage(), coverage)
        assert shown.run(ITEMS) == items  # the layer is selected for the next Ctrl+F

        shown.run("in_image('ctrl+y'); in_image('ctrl+y'); wait_until(lambda: bytes_of() == filled)")
        assert np.array_equal(shown.coverage(), coverage)
        assert shown.run(ITEMS) == items
    assert "gimp_image_undo" not in window.log.read_text()[printed:]


def test_one_step_of_undo_takes_a_new_layer_away(shown):
    shown.run("inpaint(image, [layer], result='new-layer'); Gimp.displays_flush()")
    assert shown.run("result = len(image.get_layers())") == 2

    shown.run("in_image('ctrl+z'); wait_until(lambda: len(image.get_layers()) == 1)")

    assert not changed(shown.before, shown.pixels()).any()


REPORT = "result = bytes(image.get_parasite('inpaint-selection').get_data()).decode()"


def test_repeat_runs_without_a_dialog_and_with_the_same_options(shown):
    shown.run("open_dialog(); press(DIALOG, 'alt+o')")
    shown.run("wait_for_run(lambda: bytes_of() != first); second = bytes_of()")
    shown.select(slice(10, 40), slice(200, 260))

    assert shown.run("in_image('ctrl+f'); wait_for_run(lambda: bytes_of() != second); result = windows(DIALOG)") == []

    different = changed(shown.before, shown.pixels())
    assert different[10:40, 200:260].mean() > 0.9
    assert ", variant 0, " in shown.run(REPORT)


def test_repeat_on_the_same_selection_takes_the_next_variant_also_after_undo(shown):
    shown.run("open_dialog(); press(DIALOG, 'alt+o'); wait_for_run(lambda: bytes_of() != first)")
    fills = [shown.pixels()]

    shown.run("second = bytes_of(); in_image('ctrl+f'); wait_for_run(lambda: bytes_of() != second)")
    fills.append(shown.pixels())
    assert ", variant 1, " in shown.run(REPORT)

    shown.run("in_image('ctrl+z'); wait_until(lambda: bytes_of() == second)")
    shown.run("in_image('ctrl+z'); wait_until(lambda: bytes_of() == first)")
    shown.run("in_image('ctrl+f'); wait_for_run(lambda: bytes_of() != first)")
    fills.append(shown.pixels())
    assert ", variant 2, " in shown.run(REPORT)
    assert all(changed(one, other).any() for one, other in pairwise(fills))


def test_the_dialog_offers_the_variant_of_this_image_and_is_low_enough_for_a_small_screen(shown):
    shown.run("inpaint(image, [layer], variant=8, quality='fast'); first = bytes_of(); open_dialog()")

    height = shown.run("result = size_of(DIALOG)[1]")
    shown.run("press(DIALOG, 'alt+o'); wait_for_run(lambda: bytes_of() != first)")

    assert ", variant 8, " in shown.run(REPORT)
    assert height < 400


def test_the_help_button_opens_the_manual_beside_the_plugin(shown, machine):
    applications = machine.folder / ".local" / "share" / "applications"
    applications.mkdir(parents=True, exist_ok=True)
    opened = machine.folder / "opened"
    (applications / "browser.desktop").write_text(
        f"[Desktop Entry]\nType=Application\nName=browser\nExec=sh -c 'echo %u > {opened}'\nMimeType=text/html;\n"
    )
    (applications / "mimeapps.list").write_text("[Default Applications]\ntext/html=browser.desktop\n")

    shown.run("open_dialog(); press(DIALOG, 'alt+h')")
    shown.run(
        "import os; wait_until(lambda: os.path.exists(path)); wait_until(lambda: windows(DIALOG))", path=str(opened)
    )

    page = opened.read_text().strip().removeprefix("file://")
    assert page == str(plugin_folder(machine.profile) / "manual" / "gimp.html")


def test_the_quick_mask_is_told(shown):
    shown.run("in_image('shift+q'); time.sleep(1); in_image('alt+r', 's'); wait_until(lambda: windows(MESSAGE))")
    name = shown.run("result = [each.get_name() for each in image.get_channels()]")
    shown.run("press(MESSAGE, 'Escape'); in_image('shift+q')")

    assert name == ["Qmask"]  # which the plug-in takes for it
    assert not changed(shown.before, shown.pixels()).any()


def rests(process):
    """Whether a process does nothing for a while: it waits for an answer. One that lacks a processor does not sleep."""
    begun, states = process.cpu_times()[:2], set()
    for _ in range(5):
        time.sleep(0.1)
        states.add(process.status())
    return states == {psutil.STATUS_SLEEPING} and process.cpu_times()[:2] == begun


@pytest.fixture
def while_it_runs(window, shown, machine):
    """Chooses the menu entry and OK, and executes a snippet while the plug-in waits for the daemon."""

    def run(code):
        shown.select()
        shown.run("inpaint(image, [layer], result='new-layer', quality='fast'); open_dialog()")
        with machine.daemon() as client:
            daemon = psutil.Process(client.status().pid)
        daemon.suspend()
        try:
            shown.run("press(DIALOG, 'alt+o'); wait_until(lambda: not windows(DIALOG))")
            wait_until(lambda: rests(window.plug_in()))
            shown.run(code)
        finally:
            daemon.resume()

    return run


def test_the_user_may_select_something_else_during_the_run(shown, while_it_runs):
    while_it_runs("image.select_rectangle(REPLACE, 5, 7, 20, 30); assert bytes_of() == first")

    shown.run("wait_for_run(lambda: bytes_of() != first)")
    assert shown.run("result = list(Gimp.Selection.bounds(image))[2:]") == [5, 7, 25, 37]
    different = changed(shown.before, shown.pixels())
    assert not different[~mask_of(different.shape)].any()
    assert different[HOLE].mean() > 0.9
    assert np.array_equal(shown.coverage() == 255, mask_of(different.shape, slice(7, 37), slice(5, 25)))


@pytest.mark.parametrize(
    "code",
    [
        "layer.set_offsets(9, 9)",
        "layer.resize(310, 170, 0, 0); first = bytes_of()",
        "layer.set_lock_content(True)",
        "layer.add_alpha(); first = bytes_of()",
    ],
)
def test_a_layer_that_is_changed_otherwise_during_the_run_is_left_alone(shown, while_it_runs, code):
    while_it_runs(code)

    shown.run("wait_until(lambda: windows(MESSAGE)); assert bytes_of() == first")


def test_an_image_that_is_closed_during_the_run_is_nothing_to_tell(window, machine, while_it_runs):
    while_it_runs("display.delete(); closed = not image.is_valid()")

    assert window.run("result = closed")
    with machine.daemon() as client:
        while client.status().state == "busy":
            time.sleep(0.05)
    assert window.run("time.sleep(2); result = windows(MESSAGE)") == []


def test_a_layer_that_is_deleted_during_the_run_is_told(shown, while_it_runs):
    while_it_runs("image.remove_layer(layer)")

    shown.run("wait_until(lambda: windows(MESSAGE)); assert len(image.get_layers()) == 1")


def test_a_refusal_is_shown_in_a_box(shown):
    shown.run("Gimp.Selection.none(image); in_image('alt+r', 's'); wait_until(lambda: windows(MESSAGE))")

    assert not changed(shown.before, shown.pixels()).any()
