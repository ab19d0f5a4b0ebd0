"""`mx dev`: the debug pod is started, its files are kept in step, and JupyterLab opens."""
