"""The region hierarchy, and classes of whole regions."""
