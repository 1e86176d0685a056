"""The commands of the command line, one module each; `oracle.cli` loads them when they are called."""
