"""Standards as tests: what each model's repository must be like, and `mx check` and `snitch`, which say whether it is."""
