"""Notebooks: what a parameters cell may say, stripping, rendering."""
