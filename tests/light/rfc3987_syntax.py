"""Stands before the package of this name and has nothing in it.

The package comes with Jupyter and compiles the grammar of internationalised addresses when it is imported.
That takes 1.2 s of CPU in every process that imports Quix Streams, because Quix Streams imports jsonschema.
Where the name is missing, jsonschema does without the format "iri". No schema here has it.
"""
