"""What install.py does: standard library only, since it runs before anything is installed.

`command` is the command line and the plan, `installation` the list of steps, `prefix` the folder that holds everything
with the marker that tells what is finished, `child` runs other programs, `console` shows progress.
"""
