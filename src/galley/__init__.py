"""galley: notebook stages on Airflow, a person's review, and only then production."""
