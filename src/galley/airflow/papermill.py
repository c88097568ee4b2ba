"""Papermill's operator, which NotebookOperator is one of: the provider's, or where that is not installed its arguments.

The provider asks for papermill[all] and scrapbook, which are some eighty packages that galley never imports. An Airflow
that has the provider has in NotebookOperator a PapermillOperator; one that has not does without those packages. Before
3.13.3 the provider wants to know at once where the output goes, which follows from the day.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.providers.papermill.operators.papermill import PapermillOperator
else:
    try:
        from airflow.providers import papermill

        if tuple(map(int, papermill.__version__.split(".")[:3])) < (3, 13, 3):
            raise ImportError
        from airflow.providers.papermill.operators.papermill import PapermillOperator
    except ImportError:

        class PapermillOperator(BaseOperator):
            """What a notebook's task is made with."""

            template_fields: Sequence[str] = ("input_nb", "output_nb", "parameters", "kernel_name", "kernel_conn_id")

            def __init__(
                self,
                *,
                input_nb: str,
                output_nb: str | None = None,
                parameters: dict[str, Any] | None = None,
                kernel_name: str | None = None,
                kernel_conn_id: str | None = None,
                **kwargs: Any,
            ) -> None:
                super().__init__(**kwargs)
                self.input_nb = input_nb
                self.output_nb = output_nb
                self.parameters = parameters
                self.kernel_name = kernel_name
                self.kernel_conn_id = kernel_conn_id


__all__ = ["PapermillOperator"]
