"""The version of the installed distribution, such as `'2.0.0'`.

A module of its own, since reading the metadata takes milliseconds: it is imported when the version is first used.
"""

from importlib.metadata import version

from brainio.installation import DISTRIBUTION

__version__ = version(DISTRIBUTION)
