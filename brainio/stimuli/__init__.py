"""Stimulus sets: a table of stimuli, and where the file of each lies.

`StimulusSet` (`sets`) is a pandas DataFrame that carries its identifier and its stimulus paths (`paths`) along. Reading
a set (`loading`) needs its CSV and the folder of its unpacked archive; fetching either is not this package's business,
and no file of a stimulus is looked for before somebody asks for it.
"""

from brainio.stimuli.loaders import StimulusSetLoader
from brainio.stimuli.paths import FILENAME, IMAGE_ID, STIMULUS_ID, Directory, StimulusPaths
from brainio.stimuli.sets import StimulusSet

__all__ = [
    "FILENAME",
    "IMAGE_ID",
    "STIMULUS_ID",
    "Directory",
    "StimulusPaths",
    "StimulusSet",
    "StimulusSetLoader",
]
