"""The SeldonDeployment generator."""
