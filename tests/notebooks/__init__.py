"""What is true of all notebooks, and what they show in a real kernel."""
