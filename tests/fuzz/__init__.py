"""Random damage to everything that comes from outside: `python -m tests.fuzz TARGET --cases N`."""
