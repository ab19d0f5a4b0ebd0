"""How mx talks to the machine: programs, signals, ports, the console, the user's folders."""
