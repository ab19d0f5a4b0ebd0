"""Which names the tools downstream refuse: one table of rules, each with the tool and the source, for every generator."""
