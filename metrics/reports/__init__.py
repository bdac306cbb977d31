"""A report as a file: one `Report` in, PDF or XLSX out. Pure: no Django, no clock, no network."""
