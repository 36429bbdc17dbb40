"""What is made of the chart: its schema, its README, and the manifests for people without Helm."""
