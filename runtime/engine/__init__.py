"""The workflow engine on this machine: finding a Temporal server, obtaining one, starting it."""
