"""Facts about bodies and cameras: skeletons, rules between joint sets, graphs, projection."""
