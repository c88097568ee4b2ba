"""Training with scikit-learn: a pipeline that leaves out what teaches nothing, and a model of reproducible bytes."""
