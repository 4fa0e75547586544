"""The region hierarchy of an image, and classes of whole regions."""
