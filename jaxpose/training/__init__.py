"""Training: the step, the loop, losses, optimisers, checkpoints."""
