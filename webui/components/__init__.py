"""Pieces that pages are made of: plain HTML elements with the app's own style sheet."""
