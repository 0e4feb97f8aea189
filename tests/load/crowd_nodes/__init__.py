"""A large audience of real sessions in a few processes: what `crowd.py` runs and reads."""
