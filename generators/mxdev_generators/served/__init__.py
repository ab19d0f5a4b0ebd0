"""What a model server and a page share: their names, the stage of their image, their deployment, and what comes next."""
