"""Portable C, from schedules that TVM applies."""
