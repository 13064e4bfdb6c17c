"""The carrier adapters."""
