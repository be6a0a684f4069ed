"""Figures, seen from outside, against rules that are worked out apart from the code."""
