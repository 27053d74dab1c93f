"""Requests to web servers: their answers, and the deadlines that end them."""
