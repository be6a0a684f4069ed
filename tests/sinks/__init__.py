"""Where figures go to."""
