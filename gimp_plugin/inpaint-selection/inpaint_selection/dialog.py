"""The dialog."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("GimpUi", "3.0")
from gi.repository import Gimp, GimpUi, GLib, Gtk  # noqa: E402
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
    dialog.fill(["result", "quality", "grow", "soften", "context", "sample-merged"])
    models = _ModelChoice(procedure, config)
    dialog.get_content_area().pack_start(models.row, False, False, 0)
    models.row.show_all()
    timer = GLib.timeout_add(_ASK_AGAIN_MS, models.ask_daemon, start)
    agreed = bool(dialog.run())
    if not models.known:
        GLib.source_remove(timer)
    dialog.destroy()
    return agreed


class _ModelChoice:
    """A row with the list of models, which is short until the daemon has told them.

    Attributes:
        row: the widget.
        known: whether no more is to be expected of the daemon.
    """

    def __init__(self, procedure: Gimp.Procedure, config: Gimp.ProcedureConfig) -> None:
        self.known = False
        self._config = config
        argument = procedure.find_argument("model")
        self.row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12, margin=12)
        label = Gtk.Label(label=argument.get_nick(), use_underline=True, xalign=0.0)
        self._list = Gtk.ComboBoxText(tooltip_text=argument.get_blurb())
        label.set_mnemonic_widget(self._list)
        self.row.pack_start(label, False, False, 0)
        self.row.pack_start(self._list, True, True, 0)
        self._offer([])
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
                self._offer([(model.name, model.title) for model in client.models()])
        except (Refusal, WireError):
            pass  # The run meets the same and says it.
        self.known = True
        return False

    def _offer(self, models: list[tuple[str, str]]) -> None:
        model = self._config.get_property("model") or ""
        self._list.remove_all()
        self._list.append(_DEFAULT_ID, _("Default"))
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
        model = "" if chosen in (None, _DEFAULT_ID) else chosen[1:]
        if chosen is not None and model != (self._config.get_property("model") or ""):
            self._config.set_property("model", model)
