"""Pure rules of probing: slots, confirmation, outages, the state line. Time is always an argument."""
