"""What the plug-in does: standard library and gi only.

`run` is the course of a run. `checks` refuses what cannot be filled, `hole` reads the selection, `source` the pixels,
`completion` has them completed by the daemon that `daemon` finds or starts, `writing` brings the result into the image.
`areas`, `pixel_format` and `samples` know nothing of GIMP.
"""
