"""The domain of flight-minutes: what its data is, and which model learns from it."""
