"""Many images: which ones, where their results go, who does the work, and what became of each."""
