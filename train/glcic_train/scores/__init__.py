"""Scores of pictures, as plain functions of arrays: a run watches itself by them, and the evaluation compares by them.

metrics.py    of one result, inside the hole
comb.py       of patterns of a short period
distances.py  of a set of results: distances of feature vectors
"""
