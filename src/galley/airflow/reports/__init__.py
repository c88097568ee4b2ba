"""Reports in Airflow's user interface. Imported on the first request: each task process imports the plugin alone."""
