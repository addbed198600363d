"""Load tests of a real `brainio serve` on loopback addresses: `python -m benchmarks.loaded --help`."""
