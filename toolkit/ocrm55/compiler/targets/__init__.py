"""The targets that compute operators, all behind the interface of base.py."""
