"""Benchmarks: ratios within one run, never a wall-clock promise. All: ``python -m benchmarks``."""
