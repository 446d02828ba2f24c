"""What became of pushes, from the topic push-results into rows of counts."""
