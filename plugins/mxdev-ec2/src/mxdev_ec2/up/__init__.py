"""What `mx up` and `mx down` do for the model server on EC2, as steps."""
