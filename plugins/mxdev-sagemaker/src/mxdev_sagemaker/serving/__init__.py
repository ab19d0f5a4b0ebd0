"""The generator ModelService: the images in which models of every framework answer, by REST, from a queue, and in batches."""
