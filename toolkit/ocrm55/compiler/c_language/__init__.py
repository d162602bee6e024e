"""C as a language: literals, names of types, text in strings and comments, and templates of C."""
