"""Every setting, the conflicts between settings, and the names of what can be saved."""
