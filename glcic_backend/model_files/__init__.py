"""Files of trained networks: reading, writing, the installed ones by name, and those of Torch7."""
