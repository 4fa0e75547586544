"""Images, errors, threads and files: what every room stands on."""
