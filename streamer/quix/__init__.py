"""Everything that depends on the insides of Quix Streams."""
