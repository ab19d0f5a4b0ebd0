"""`mx feedback`: predictions that were served come back, corrected by people, as a version of the data set."""
