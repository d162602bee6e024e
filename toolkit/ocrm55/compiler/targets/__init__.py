"""Who computes an operator: one file a target, all behind the interface of base.py."""
