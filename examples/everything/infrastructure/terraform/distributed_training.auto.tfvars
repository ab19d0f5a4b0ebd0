# All pods of a distributed job run at the same time, each on a node with a GPU of its own. With fewer nodes those that are there
# would wait for the others, and be paid for.
distributed_gpu_nodes = 3
