"""The random field over pixels."""
