"""What a client offers, one file per API area: signature, documentation, one line of body."""
