"""Reports: what there is to read in the outputs, known by names of folders and the ends of files. Knows no Airflow."""
