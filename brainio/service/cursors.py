"""Cursors of lists, as `brainio.cursors` makes them: a bad one is answered by 400."""

from brainio.cursors import bad_cursor, read_cursor, write_cursor

__all__ = ["LONGEST", "bad_cursor", "read_cursor", "write_cursor"]
LONGEST = 4000  # characters
