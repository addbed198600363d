"""Stimulus sets: a table of stimuli with the path of each file.

`StimulusSet` (`sets`) is a pandas DataFrame with an identifier and stimulus paths. Loading a set (`loaders`) requires
its CSV file and the folder of its unpacked archive; fetching them is done elsewhere. Files of stimuli are not accessed
until their path is used. `typed_csv` reads CSV files with column types; `columns` converts columns to them.
"""

from brainio.stimuli.loaders import Directory, StimulusPaths, StimulusSetLoader
from brainio.stimuli.sets import StimulusSet
from brainio.stimuli.typed_csv import FILENAME, IMAGE_ID, STIMULUS_ID

__all__ = [
    "FILENAME",
    "IMAGE_ID",
    "STIMULUS_ID",
    "Directory",
    "StimulusPaths",
    "StimulusSet",
    "StimulusSetLoader",
]
