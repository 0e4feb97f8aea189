"""Settings, limits, paths and themes: the lowest floor."""
