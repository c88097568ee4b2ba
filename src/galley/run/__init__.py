"""Run: one notebook as a stage, its attempts and what it states of where it came from; here or in a container."""
