"""The dashboards as code.

`python -m scripts.dashboards` writes them as Grafana reads them into the chart. They are described
here and not in the chart's folder, since nothing that is installed needs them.
"""
