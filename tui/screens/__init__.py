"""Screens: they show a View, send intents, and own nothing."""
