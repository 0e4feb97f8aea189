"""Widgets that paint their own lines and repaint only what changed."""
