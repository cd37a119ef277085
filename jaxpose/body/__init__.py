"""Joint sets of the body, rules between them, graphs of joints, cameras."""
