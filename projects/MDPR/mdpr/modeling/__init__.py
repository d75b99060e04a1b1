"""The network: branches, attention, fusion, heads and losses (paper, section 3)."""
