"""What is usual, learned online: the arithmetic of the models, and River's face of it."""
