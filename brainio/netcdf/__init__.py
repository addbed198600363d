"""netCDF files: inspect their structure before any library opens them, then read and write their variables.

`inspection` reads the structure of a file (`structure`) and refuses unsafe files: `hdf5_structure` walks an HDF5 file,
with `filters` for filter pipelines, `variable_length` for stated lengths and `file_objects` for the bytes that HDF5
sees; `netcdf3` reads netCDF-3 headers. `memory` compares sizes with free memory. `reading` opens an inspected file
under the lock of `hdf5_lock` and reads its values, with `text` and `chunks`. `attributes` encodes and decodes
attributes, `encoding` chooses the types of new files, and `writing` chooses their chunks and writes them.

Does not know assemblies, catalogs or the network.
"""
