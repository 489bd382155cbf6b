"""Removals, filled by several programs and judged blind: docs/workshop/evaluation.md has the commands."""
