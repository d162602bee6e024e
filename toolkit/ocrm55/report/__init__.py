"""The costs of a run: tables and pictures from the artifact's metadata and the target's own counts."""
