"""The keys that are kept on this machine, and the signers that they make."""
