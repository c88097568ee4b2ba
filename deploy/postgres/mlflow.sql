-- MLflow's tables stand beside Airflow's in a database of their own.
CREATE DATABASE mlflow;
