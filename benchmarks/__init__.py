"""Benchmarks of this project against its public predecessor (the peer) and against raw library calls (the floor).

Run `python -m benchmarks --help` for usage. The package `brainio` does not import this folder.
"""
