"""Catalogs in SQL databases."""
