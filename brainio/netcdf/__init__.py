"""netCDF files: inspect their structure before a library opens them, then read and write variables and attributes.

Does not know assemblies, catalogs or the network.
"""
