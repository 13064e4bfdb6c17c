"""What is live: news for pages and first-come claims."""
