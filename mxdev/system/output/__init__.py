"""What a person reads: text without control characters, the line that says what is going on, a copy of what training prints."""
