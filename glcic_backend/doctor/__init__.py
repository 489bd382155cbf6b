"""`glcic-backend doctor`: is all there that a completion in GIMP needs? Nothing is changed.

`finding` is what a check says, the other modules are the checks, `examination` runs them all.
"""
