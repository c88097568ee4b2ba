"""What a newcomer types: an embedded Airflow on this machine, the demonstration on it, and the user interfaces.

It starts Airflow's own commands and speaks to its REST API; Airflow itself is never imported here.
"""
