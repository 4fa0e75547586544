"""Turn results into files: pictures, tables, vector shapes, label images and HTML pages."""
