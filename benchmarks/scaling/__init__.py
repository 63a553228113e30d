"""What a run on many workers costs: unit costs that are measured, and a model that adds them."""
