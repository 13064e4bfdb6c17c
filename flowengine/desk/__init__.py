"""The staff's side: who may look, what they see, and what is sent to other people's systems."""
