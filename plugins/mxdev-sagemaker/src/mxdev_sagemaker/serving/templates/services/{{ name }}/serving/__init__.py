"""Models of every framework behind one class, and three ways to ask them: `rest`, `queued` and `batch`."""
