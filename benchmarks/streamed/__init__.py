"""Requests and bytes of partial reads of a streamed assembly: `python -m benchmarks.streamed --help`."""
