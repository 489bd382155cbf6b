"""Scores of a model and of classical methods on photographs with frozen holes.

cases.py      the photographs and their holes
sloppy.py     foreign things in photographs, under masks that are too tight or too loose
baselines.py  mean fill, fast marching, Navier-Stokes, PatchMatch
judges.py     networks that compare pictures: EfficientNet-Lites; Inception-v3 (inception.py) and LPIPS (lpips.py)
weights.py    their weights, from files that the user brings
evaluate.py   every method on every case
summary.py    means, standard errors, the table and the JSON
sheet.py      results side by side, as a picture
"""
