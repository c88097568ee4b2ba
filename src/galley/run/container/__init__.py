"""Stages in containers of their own: the same run, recorded by the same code, in isolation."""
