"""The contract once more, as plainly as it can be written: slow, forgetting nothing, sharing no code with the package."""
