"""The domain of flight-arrivals: what its data is, and which model learns from it."""
