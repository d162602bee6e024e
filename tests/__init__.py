"""The tests of the toolkit and of the firmware; `tests.…` is how they import what they share."""
