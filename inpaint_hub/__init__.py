"""Inpaint Hub."""
