"""The pipeline `photos`: raw files of the data bucket become a version of the data: `mx data run photos`."""
