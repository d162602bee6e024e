"""From Relax to the compiler's own operators."""
