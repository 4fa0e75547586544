"""From files to files: single images, folders, rasters."""
