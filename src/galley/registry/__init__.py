"""Registry: MLflow's models, versions and aliases; selection, promotion, the model card."""
