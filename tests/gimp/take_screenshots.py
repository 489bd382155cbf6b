"""Takes the pictures of docs/manual/gimp.md: the sample photograph, completed in GIMP.

    python -m tests.gimp.take_screenshots [FOLDER]

writes docs/images/gimp-*.png. Needs a GIMP, see `gimp_root`.
"""

import argparse
from pathlib import Path

from PIL import Image

from .machine import REPOSITORY, Machine, prepared_machine
from .pictures import PHOTOGRAPH
from .session import Session

_COLOURS = 160

OPEN = """
import time
image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photograph))
image.set_file(Gio.File.new_for_path("otters.xcf"))
layer = image.get_layers()[0]
layer.set_name("otters")
image.select_ellipse(REPLACE, 56, 20, 104, 50)
image.clean_all()
show(image)
in_image("ctrl+shift+j")
xdotool("mousemove", "2", "700")
first = layer.get_buffer().get(whole(layer), 1.0, stored_format(layer), Gegl.AbyssPolicy.NONE)
changed = lambda: layer.get_buffer().get(whole(layer), 1.0, stored_format(layer), Gegl.AbyssPolicy.NONE) != first
"""

ADVANCED = """
press(MESSAGE, 'Escape')
image.select_ellipse(REPLACE, 56, 20, 104, 50)
channel = Gimp.Channel.new(image, 'animals', image.get_width(), image.get_height(), 50, Gegl.Color.new('red'))
image.insert_channel(channel, None, 0)
image.set_selected_layers([layer])
open_dialog()
press(DIALOG, 'alt+a', 'alt+n', 'Down', 'Return')
time.sleep(2)
"""

STEPS = {
    "gimp-menu": "in_image('alt+r', 'Up')",
    "gimp-dialog": "xdotool('key', 's'); wait_until(lambda: windows(DIALOG)); time.sleep(8)",
    "gimp-done": "press(DIALOG, 'alt+o'); wait_until(changed); time.sleep(2)",
    "gimp-refusal": "Gimp.Selection.none(image); in_image('alt+r', 's'); wait_until(lambda: windows(MESSAGE))",
    "gimp-advanced": ADVANCED,
}
"""What to do before each picture."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the pictures of docs/manual/gimp.md.")
    parser.add_argument("folder", nargs="?", type=Path, default=REPOSITORY / "docs" / "images")
    parser.add_argument("--suite", default="forky", help="which of `gimp_root.SUITES`")
    arguments = parser.parse_args()
    folder = arguments.folder
    with prepared_machine(arguments.suite) as machine:
        gimp = Session(machine.inside(), machine.folder, window=True)
        try:
            gimp.run(OPEN, photograph=str(PHOTOGRAPH))
            for name, step in STEPS.items():
                _take(gimp, machine, step, folder / f"{name}.png")
        finally:
            gimp.close()


def _take(gimp: Session, machine: Machine, step: str, path: Path) -> None:
    raw = machine.folder / path.name
    gimp.run(f"{step}\nxdotool('mousemove', '2', '700'); screenshot(path)", path=str(raw))
    with Image.open(raw) as screen:
        window = screen.convert("RGB")
    window = window.crop(window.getbbox())  # what is not black, as the empty screen is
    window.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
