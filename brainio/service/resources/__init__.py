"""Resources of the service for programs: entries and catalogs as JSON, catalogs as CSV, files."""
