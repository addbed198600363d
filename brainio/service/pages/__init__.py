"""The catalogs as pages for people: rendered here, complete without script, readable without colour or mouse.

`rendering` holds the templates and what is around every page, `assets` the files that pages load, `front` the search,
`entries` what pages of stimulus sets and assemblies have in common, `stimulus_sets` and `assemblies` these pages,
`snippets` the code that loads an entry. Nothing is computed while a visitor waits: what pages show of data are profiles
and cards, which were made before.
"""
