"""What there is to complete: a photograph, its samples as stored, its holes with their thickness, and their fills."""
