"""Stages in containers of their own: the same run, recorded by the same code, with other walls around it."""
