"""Measures this project against the earlier public implementation and against the least work that could do.

`python -m benchmarks --help` says how. Nothing in the package imports this folder.
"""
