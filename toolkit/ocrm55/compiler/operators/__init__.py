"""The operators' meaning, without their implementation; and the program that they form."""
