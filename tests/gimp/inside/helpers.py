"""What snippets of tests use; runs in GIMP's own Python."""

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
gi.require_version("Babl", "0.1")
from gi.repository import Babl, Gegl, Gimp, Gio  # noqa: E402

PROCEDURE = "plug-in-inpaint-selection"
REPLACE = Gimp.ChannelOps.REPLACE


def new_image(pixels, width, height, precision, grey, alpha, profile=None):
    """An image with one layer, whose stored bytes are those of the file `pixels`."""
    base = Gimp.ImageBaseType.GRAY if grey else Gimp.ImageBaseType.RGB
    image = Gimp.Image.new_with_precision(width, height, base, getattr(Gimp.Precision, precision))
    if profile:
        image.set_color_profile(Gimp.ColorProfile.new_from_file(Gio.File.new_for_path(profile)))
    layer = add_layer(image, width, height, alpha)
    write(layer, pixels)
    return image, layer


def add_layer(image, width, height, alpha=True, parent=None, position=0):
    kinds = Gimp.ImageType
    if image.get_base_type() == Gimp.ImageBaseType.GRAY:
        kind = kinds.GRAYA_IMAGE if alpha else kinds.GRAY_IMAGE
    else:
        kind = kinds.RGBA_IMAGE if alpha else kinds.RGB_IMAGE
    layer = Gimp.Layer.new(image, "a layer", width, height, kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, parent, position)
    return layer


def stored_format(drawable):
    return Babl.get_name(Babl.format_with_space(Babl.format_get_encoding(drawable.get_format()), drawable.get_format()))


def whole(drawable):
    return Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())


def write(drawable, path):
    """Makes the bytes of a file the drawable's pixels as they are stored, without undo."""
    with open(path, "rb") as file:
        data = file.read()
    buffer = drawable.get_buffer()
    buffer.set(whole(drawable), stored_format(drawable), data)
    buffer.flush()
    drawable.update(0, 0, drawable.get_width(), drawable.get_height())
    assert buffer.get(whole(drawable), 1.0, stored_format(drawable), Gegl.AbyssPolicy.NONE) == data


def read(drawable, path, name=None):
    """Writes the drawable's pixels, as they are stored or in the format `name`, into a file."""
    data = drawable.get_buffer().get(whole(drawable), 1.0, name or stored_format(drawable), Gegl.AbyssPolicy.NONE)
    with open(path, "wb") as file:
        file.write(data)


def inpaint(image, layers, **options):
    """Calls the plug-in as a script would. Returns its status and message."""
    return _call(image, layers, options)


def repeat(image, layers, **options):
    """Calls the plug-in as Filters > Repeat does, the options being those of the last run."""
    return _call(image, layers, {"run-mode": Gimp.RunMode.WITH_LAST_VALS, **options})


def _call(image, layers, options):
    procedure = Gimp.get_pdb().lookup_procedure(PROCEDURE)
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", list(layers))
    for name, value in options.items():
        config.set_property(name.replace("_", "-"), value)
    answer = procedure.run(config)
    status = answer.index(0)
    return {"status": status.value_nick, "message": answer.index(1) if answer.length() > 1 else None}
