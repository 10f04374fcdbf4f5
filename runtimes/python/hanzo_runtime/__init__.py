"""The server that runs one function in one process; see runtimes/contract.md. Standard library only."""
