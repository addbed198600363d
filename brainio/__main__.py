"""Runs the command line as `python -m brainio`."""

from brainio.cli import main

main(prog_name="brainio")
