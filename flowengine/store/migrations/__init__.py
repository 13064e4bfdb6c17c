"""How the database got its shape, step by step; `SqlStore.start` brings it up to date."""
