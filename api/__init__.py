"""Pressroom: users and posts over JSON, told room by room in the README."""
