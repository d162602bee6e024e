"""TVMC's front door: its command line, its Model Library Format and its C interface over this project's compiler."""
