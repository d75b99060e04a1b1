"""What evaluation and the network cost, each measured in a process of its own. Not installed with mdpr."""
