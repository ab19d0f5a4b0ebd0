"""`mx graph`: a picture of a project, drawn from its rendered files."""
