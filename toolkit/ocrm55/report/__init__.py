"""What a run cost and where: tables and pictures from the artifact's metadata and the target's own counts."""
