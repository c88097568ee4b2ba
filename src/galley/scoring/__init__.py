"""Scoring: predictions for files of any length, in bounded memory, with the bytes that pandas would write."""
