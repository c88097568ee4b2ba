"""What tests alone ask of Airflow, from where its release has it."""

try:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.plugins_manager import integrate_macros_plugins
except ImportError:  # 3.1
    from airflow.models.dagbag import DagBag
    from airflow.plugins_manager import integrate_macros_plugins

__all__ = ["DagBag", "integrate_macros_plugins"]
