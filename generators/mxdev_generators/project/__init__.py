"""What every generator has to know of a project: its names, its region, machines and GPUs, its platform, and where packages come from."""
