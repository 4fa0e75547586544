"""From a result to pictures, tables, vectors and pages."""
