"""One model server on EC2: this module only announces; what does the work is imported when it is used."""
