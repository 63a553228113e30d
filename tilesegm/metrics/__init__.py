"""How far a prediction and the truth agree, counted window by window."""
