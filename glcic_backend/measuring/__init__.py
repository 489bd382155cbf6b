"""Benchmarks: how long completions take, beside the paper and other programs."""
