"""JupyterLab of the stack: on the notebooks, reached with a token, and without outputs in what it saves."""

c = get_config()  # noqa: F821  (Jupyter defines it)

c.ServerApp.ip = "0.0.0.0"  # noqa: S104  (inside the container; compose publishes it on loopback)
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0
c.ServerApp.root_dir = "/opt/galley/notebooks"
