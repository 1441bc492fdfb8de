"""What every integration server is built from. Names no vendor."""
