"""TVMC's command line, Model Library Format and C interface over this project's compiler."""
