"""`ocrm55 package`: a compiled recognizer as a C library that drops into any project, without our platform layer."""
