"""The storage behind catalogs."""
