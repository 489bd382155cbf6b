"""The dialog."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("GimpUi", "3.0")
from gi.repository import Gimp, GimpUi, Gio, GLib, GObject, Gtk  # noqa: E402
from wire.errors import WireError  # noqa: E402

from .daemon import DaemonStart  # noqa: E402
from .installation import manual_page  # noqa: E402
from .refusals import Refusal  # noqa: E402
from .texts import _  # noqa: E402

_ASK_AGAIN_MS = 300
_EMPTY_ID = "empty"
_SPACING = 6

_MAIN = ["result", "quality", "variant", "sample-merged"]
_FOLDED = [
    "grow",
    "soften",
    "context",
    "sample-from",
    "distance",
    "channel",
    "channel-use",
    "path",
    "model",
]
# Lists that drop down: GIMP 3.2 would make a column of buttons of each.
_LISTS = ["result", "quality", "context", "sample-from", "channel-use"]


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, image: Gimp.Image, start: DaemonStart) -> bool:
    """Shows the options, and changes `config` to what the user wants. Returns whether to go ahead.

    A daemon that does not run yet is started meanwhile: it tells which models there are, and is ready at OK.
    """
    GimpUi.init(procedure.get_name())
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Inpaint Selection"))
    for name in _LISTS:
        dialog.get_widget(name, Gtk.ComboBox.__gtype__)
    models = _NameList(config, "model", dialog.get_widget("model", GObject.TYPE_NONE))
    models.offer([], _("Default"))
    channels = _NameList(config, "channel", dialog.get_widget("channel", GObject.TYPE_NONE))
    channels.offer([(each.get_name(), each.get_name()) for each in image.get_channels()], _("None"))
    paths = _NameList(config, "path", dialog.get_widget("path", GObject.TYPE_NONE))
    paths.offer([(each.get_name(), each.get_name()) for each in image.get_paths()], _("None"))
    dialog.get_label("folded-title", _("_Advanced options"), False, True)
    dialog.fill_box("folded-box", _FOLDED).set_spacing(_SPACING)
    dialog.fill_expander("folded", "folded-title", False, "folded-box")
    dialog.fill([*_MAIN, "folded"])
    _lead_to_the_manual(dialog)
    asking = _Asking(models, start)
    timer = GLib.timeout_add(_ASK_AGAIN_MS, asking.ask_daemon)
    agreed = bool(dialog.run())
    if not asking.answered:
        GLib.source_remove(timer)
    dialog.destroy()
    return agreed


def _lead_to_the_manual(dialog: GimpUi.ProcedureDialog) -> None:
    """Puts a button in the place of GIMP's own for help, which would look in GIMP's manual."""
    theirs = dialog.get_widget_for_response(Gtk.ResponseType.HELP)
    page = manual_page()
    if theirs is None:  # the user has switched such buttons off
        return
    theirs.hide()
    if page is None:
        return
    ours = Gtk.Button(label=theirs.get_label(), use_underline=True, visible=True)
    ours.connect("clicked", lambda _button: Gio.AppInfo.launch_default_for_uri(page.as_uri(), None))
    area = theirs.get_parent()
    area.pack_end(ours, False, True, 0)
    area.set_child_secondary(ours, True)


class _NameList:
    """A list of names in the place of an entry; the first choice is none of them.

    Args:
        config: where the choice is kept.
        name: of the argument.
        row: GIMP's label and entry for it; the list takes the entry's place.
    """

    def __init__(self, config: Gimp.ProcedureConfig, name: str, row: GimpUi.LabelEntry) -> None:
        self._config, self._name = config, name
        self._list = Gtk.ComboBoxText(visible=True, hexpand=True)
        row.get_entry().hide()
        row.attach(self._list, 2, 0, 1, 1)
        row.get_label().set_mnemonic_widget(self._list)
        self._list.connect("changed", self._chosen)
        # By Reset, or by settings that the user loads.
        config.connect(f"notify::{name}", lambda *_: self._show())

    def offer(self, names: list[tuple[str, str]], empty: str) -> None:
        """Makes names, each with what is shown for it, the list, after what is shown for none of them."""
        kept = self._value()
        self._list.remove_all()
        self._list.append(_EMPTY_ID, empty)
        for name, shown in names:
            self._list.append(f"={name}", shown)
        if kept and kept not in dict(names):
            self._list.append(f"={kept}", kept)
        self._show()

    def _value(self) -> str:
        return self._config.get_property(self._name) or ""

    def _show(self) -> None:
        value = self._value()
        self._list.set_active_id(f"={value}" if value else _EMPTY_ID)

    def _chosen(self, _list: Gtk.ComboBoxText) -> None:
        chosen = self._list.get_active_id()
        if chosen is None:
            return
        value = "" if chosen == _EMPTY_ID else chosen[1:]
        if value != self._value():
            self._config.set_property(self._name, value)


class _Asking:
    """Has the list of models filled, which is short until the daemon has told them.

    Attributes:
        answered: whether no more is to be expected of the daemon.
    """

    def __init__(self, models: _NameList, start: DaemonStart) -> None:
        self.answered = False
        self._models, self._start = models, start

    def ask_daemon(self) -> bool:
        """Asks the daemon for its models, starting one if need be. Returns whether to ask again."""
        try:
            client = self._start.connect_now()
            if client is None:
                self._start.begin()
                return True
            with client:
                models = client.models()
        except (Refusal, WireError):
            pass  # The run meets the same and says it.
        else:
            (default,) = [model["title"] for model in models if model["default"]] or [""]
            self._models.offer(
                [(model["name"], model["title"]) for model in models],
                _("Default ({model})").format(model=default) if default else _("Default"),
            )
        self.answered = True
        return False
