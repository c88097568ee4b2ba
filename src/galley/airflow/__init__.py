"""What galley adds to Airflow. Nothing is imported here: each task process imports the plugin and pays for the rest."""
