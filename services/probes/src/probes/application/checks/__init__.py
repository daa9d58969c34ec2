"""What each kind of check is configured with: the documents that monitors, work items and the API share."""
