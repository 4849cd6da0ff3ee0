"""The tests, in the same packages as the code that they test."""
