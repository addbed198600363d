"""The version of the installed distribution, such as `'2.0.0'`."""

from importlib.metadata import version

from brainio.installation import DISTRIBUTION

__version__ = version(DISTRIBUTION)
