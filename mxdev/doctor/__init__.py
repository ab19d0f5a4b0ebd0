"""`mx doctor`: what is wrong with the machine, the logins, the project and what it runs, each with its remedy."""
