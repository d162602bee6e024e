"""An estimate of the cycles that a program takes on a Cortex-M55: blocks counted on QEMU, and a model of the pipeline.

Nothing here was measured on silicon by us. docs/cycles.md says how the estimate compares with others' measurements.
"""
