"""What each loss does to a segmentation: the same network and budget, one loss after the other."""
