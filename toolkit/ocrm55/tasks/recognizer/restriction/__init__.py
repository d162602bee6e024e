"""What texts a recognizer may say: characters, patterns, word lists and check digits, as tables for host and target."""
