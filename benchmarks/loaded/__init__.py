"""Puts a real `brainio serve` under load, on loopback addresses only: `python -m benchmarks.loaded --help` says how."""
