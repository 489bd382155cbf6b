"""The dialog."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("GimpUi", "3.0")
from gi.repository import Gimp, GimpUi, GLib, GObject, Gtk  # noqa: E402
from wire.errors import WireError  # noqa: E402

from .daemon import DaemonStart  # noqa: E402
from .refusals import Refusal  # noqa: E402
from .texts import _  # noqa: E402

_ASK_AGAIN_MS = 300
_DEFAULT_ID = "default"


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, start: DaemonStart) -> bool:
    """Shows the options, and changes `config` to what the user wants. Returns whether to go ahead.

    A daemon that does not run yet is started meanwhile: it tells which models there are, and is ready at OK.
    """
    GimpUi.init(procedure.get_name())
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Inpaint selection"))
    models = _ModelChoice(config, dialog.get_widget("model", GObject.TYPE_NONE))
    dialog.fill(None)
    help_button = dialog.get_widget_for_response(Gtk.ResponseType.HELP)
    if help_button is not None:
        help_button.hide()  # it would look in GIMP's own manual
    timer = GLib.timeout_add(_ASK_AGAIN_MS, models.ask_daemon, start)
    agreed = bool(dialog.run())
    if not models.known:
        GLib.source_remove(timer)
    dialog.destroy()
    return agreed


class _ModelChoice:
    """The list of models, which is short until the daemon has told them.

    Args:
        config: where the choice is kept.
        row: GIMP's label and entry for the argument; the list takes the entry's place.

    Attributes:
        known: whether no more is to be expected of the daemon.
    """

    def __init__(self, config: Gimp.ProcedureConfig, row: GimpUi.LabelEntry) -> None:
        self.known = False
        self._config = config
        self._list = Gtk.ComboBoxText(visible=True, hexpand=True)
        row.get_entry().hide()
        row.attach(self._list, 2, 0, 1, 1)
        row.get_label().set_mnemonic_widget(self._list)
        self._offer([], _("Default"))
        self._list.connect("changed", self._chosen)
        # By Reset, or by settings that the user loads.
        config.connect("notify::model", lambda *_: self._show())

    def ask_daemon(self, start: DaemonStart) -> bool:
        """Asks the daemon for its models, starting one if need be. Returns whether to ask again."""
        try:
            client = start.connect_now()
            if client is None:
                start.begin()
                return True
            with client:
                models = client.models()
        except (Refusal, WireError):
            pass  # The run meets the same and says it.
        else:
            (default,) = [model["title"] for model in models if model["default"]] or [""]
            self._offer(
                [(model["name"], model["title"]) for model in models],
                _("Default ({model})").format(model=default) if default else _("Default"),
            )
        self.known = True
        return False

    def _offer(self, models: list[tuple[str, str]], default: str) -> None:
        model = self._config.get_property("model") or ""
        self._list.remove_all()
        self._list.append(_DEFAULT_ID, default)
        for name, title in models:
            self._list.append(f"={name}", title)
        if model and model not in dict(models):
            self._list.append(f"={model}", model)
        self._show()

    def _show(self) -> None:
        model = self._config.get_property("model") or ""
        self._list.set_active_id(f"={model}" if model else _DEFAULT_ID)

    def _chosen(self, _list: Gtk.ComboBoxText) -> None:
        chosen = self._list.get_active_id()
        if chosen is None:
            return
        model = "" if chosen == _DEFAULT_ID else chosen[1:]
        if model != (self._config.get_property("model") or ""):
            self._config.set_property("model", model)
