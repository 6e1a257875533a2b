"""Pressroom: users and posts as a JSON REST API."""
