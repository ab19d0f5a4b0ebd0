"""What is said to a person and asked of one: the table of a plan, questions, conflicts, what is next."""
