"""What belongs together: which assemblies used a stimulus set, whether both fit, what two sets share. Changes no data.

============= =================================================================
`users`       from a stimulus set to the assemblies that used it, and back
`integrity`   `check`: whether fetched assemblies and their sets fit each other
`checked`     what that found
`fetched`     the fetched files of an assembly and its set
`coordinates` the coordinates of a netCDF file, without its values
`overlaps`    `overlap`: which stimuli two sets have in common
`shared`      what that found
`sets`        what somebody names -> ids and the paths of their files
`matching`    contents of two sets -> pairs
`contents`    files -> their contents, in threads; those of archives are kept
`pixels`      one image -> a digest of its pixels
`samples`     one sound -> a digest of its samples
============= =================================================================

No name is handed on from here, so that `users` loads without pandas.
"""
