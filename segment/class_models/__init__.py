"""Classes that can be kept: a fitted mixture and all that it takes to find its classes in another image."""
