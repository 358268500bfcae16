"""Pure decisions about the wire: how a request is built, sent again, framed and judged. No I/O, clock or randomness in here."""
