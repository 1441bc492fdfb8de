"""The ``voxie`` command."""
