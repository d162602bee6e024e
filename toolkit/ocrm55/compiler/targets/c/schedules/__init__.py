"""The loops of operators in TIR: written by hand for the expensive ones, by TVM's schedules for the others."""
