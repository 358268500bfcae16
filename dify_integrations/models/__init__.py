"""Shapes of requests and answers, one file per API area."""
