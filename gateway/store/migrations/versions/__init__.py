"""One module for each revision; each moves the schema one step up or down and knows nothing of later code."""
