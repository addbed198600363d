"""Relations between entries: assemblies and the stimulus sets they used, and stimuli that two sets share.

===================== ===================================================================================
`stimulus_set_usage`  look up the assemblies that used a stimulus set, and the set an assembly used
`checks`              `brainio.check`: check fetched assemblies against their stimulus sets
`file_checks`         fetch and compare the netCDF file of an assembly and the table of its stimulus set
`overlaps`            `brainio.overlap`: compare the stimuli of two sets
`matching`            pair equal stimuli of two sets
`file_contents`       hash and decode stimulus files in several threads
`media_digests`       digest the pixels of an image and the samples of a sound
===================== ===================================================================================

This package changes no data. It re-exports no names, so that importing `stimulus_set_usage` does not import pandas.
"""
