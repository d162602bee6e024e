"""C as a language: literals, names of types, text in strings and comments, and what reads templates of C."""
