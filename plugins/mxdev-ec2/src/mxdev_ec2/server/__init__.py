"""The Ec2ModelServer generator."""
