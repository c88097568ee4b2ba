"""Comparison: what a review lays side by side. For the kernels: its modules need numpy and pandas."""
