"""One module for each kind of function: calls it with inputs whose answers are known."""
