"""TIR and Programs to C."""
