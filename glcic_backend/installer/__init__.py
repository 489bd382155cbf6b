"""What install.py does: standard library only, since it runs before anything is installed.

`command` is the command line and the plan, `installation` the list of steps, `prefix` the folder that holds the program
with the marker that tells what is finished, `child` runs other programs, `console` shows progress. `torch_build`
chooses a build of PyTorch, `gimp_discovery` finds GIMPs, `plugin_files` and `gimp_steps` put the plug-in there,
`systemd_unit` is the daemon as a service. `manifest` records what was written; `removal` and `uninstall` remove that.
"""
