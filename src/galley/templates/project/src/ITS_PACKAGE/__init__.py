"""The domain of ITS_NAME: what its data is, and which model learns from it."""
