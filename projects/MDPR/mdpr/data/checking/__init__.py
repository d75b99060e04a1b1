"""Reading a whole data set and saying what is wrong with it."""
