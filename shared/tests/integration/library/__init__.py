"""A small service of books, for the tests of what every service gets from shared."""
