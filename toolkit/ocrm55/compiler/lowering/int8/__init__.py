"""From QDQ to integer operators."""
