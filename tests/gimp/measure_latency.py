"""Measures how long the user waits: from OK in the dialog until the picture has changed, and what of it is the fill.

    python -m tests.gimp.measure_latency [--rounds N]

A layer of 24 megapixels, 8 bits RGB, a selection of 200 x 200 pixels, the daemon warm. Needs a GIMP, see `gimp_root`.
"""

import argparse
import re
import statistics
import sys

import numpy as np

from .machine import prepared_machine
from .pictures import Picture, photograph, stored
from .session import Session

MEASURE = """
pixel = Gegl.Rectangle.new(2000, 1500, 20, 20)
look = lambda: layer.get_buffer().get(pixel, 1.0, stored_format(layer), Gegl.AbyssPolicy.NONE)
first = look()
open_dialog()
window = windows(DIALOG)[0]
xdotool("windowactivate", "--sync", window)
time.sleep(1)
begun = time.monotonic()
xdotool("key", "alt+o")
wait_until(lambda: look() != first)
spent = time.monotonic() - begun
time.sleep(1)
report = bytes(image.get_parasite("inpaint-selection").get_data()).decode()
in_image("ctrl+z")
wait_until(lambda: look() == first)
result = [spent, report]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the time from OK to the changed picture.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--suite", default="forky", help="which of `gimp_root.SUITES`")
    arguments = parser.parse_args()
    rounds = arguments.rounds
    with prepared_machine(arguments.suite) as machine:
        gimp = Session(machine.inside(), machine.folder, window=True)
        try:
            tile = photograph(300, 400)
            shown = Picture(gimp, machine.folder, stored(np.tile(tile, (14, 15, 1))[:4000], "U8_NON_LINEAR"))
            shown.select(slice(1410, 1610), slice(1910, 2110))
            shown.run("import time; show(image); image.undo_enable()")
            shown.inpaint(result="new-layer")
            shown.run("image.remove_layer(image.get_layers()[0]); image.set_selected_layers([layer])")
            measured = [shown.run(MEASURE) for _ in range(rounds)]
        finally:
            gimp.close()
    rest = []
    for spent, report in measured:
        stages = {name: float(time) / 1000 for name, time in re.findall(r"(\w+) ([\d.]+) ms", report)}
        rest.append(spent - stages["network"] - stages.get("detail", 0.0))
        sys.stdout.write(f"{spent:.2f} s, of it {rest[-1]:.2f} s besides network and detail; {report}\n")
    whole = statistics.median(spent for spent, _ in measured)
    sys.stdout.write(f"medians: {whole:.2f} s, of it {statistics.median(rest):.2f} s besides network and detail\n")


if __name__ == "__main__":
    main()
